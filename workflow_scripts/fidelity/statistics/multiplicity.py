"""Adjusting p values for their number."""

import numpy as np
from numpy.typing import ArrayLike


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjust p values for their number by Holm's step-down method (Holm 1979).

    Equal to statsmodels' `multipletests(p, method="holm")` (tested), which collects all garbage of
    the process in each call: 90 ms, where a study makes hundreds.

    Args:
        p_values: (n,); nan = no test was possible, which does not count.

    Returns:
        (n,) adjusted p values, nan where the input is.
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(p_values.shape, np.nan)
    tested = ~np.isnan(p_values)
    order = np.argsort(p_values[tested])
    stepped = p_values[tested][order] * np.arange(len(order), 0, -1)
    result = np.empty(len(order))
    result[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    adjusted[tested] = result
    return adjusted
