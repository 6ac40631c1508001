"""One threshold for all maps, or one per class."""

from collections.abc import Mapping

import numpy as np

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion


def binarize(map01: np.ndarray, threshold: float) -> tuple[np.ndarray, float]:
    """Return boolean (H, W), the pixels strictly above a threshold, and the threshold.

    Args:
        map01: float32 (H, W) in [0, 1].
        threshold: in [0, 1). It is rounded to float32, the map's precision. A pixel with exactly
            this value is thus left out, whatever the type of the number.
    """
    return map01 > np.float32(threshold), float(threshold)


def threshold_of(threshold: float | Mapping[str, float], cls: str) -> float:
    """Choose the threshold of one class; the config has one number or {source class: number}.

    Raises:
        InputError: the class has no threshold.
    """
    if not isinstance(threshold, Mapping):
        return threshold
    if cls not in threshold:
        raise InputError(
            f"there is no threshold for the class {cls!r}",
            field="threshold",
            remedy=suggestion(cls, threshold, "Classes with a threshold"),
        )
    return threshold[cls]
