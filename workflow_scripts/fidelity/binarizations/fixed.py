"""One threshold for all maps."""

import numpy as np

from fidelity.errors import InputError


def binarize(map01: np.ndarray, threshold: float) -> tuple[np.ndarray, float]:
    """Keep the pixels strictly above a threshold.

    Args:
        map01: float32 (H, W) in [0, 1].
        threshold: in [0, 1); rounded to float32, the map's precision, so that a pixel of just this
            value is left out whatever the type of the number.

    Returns:
        Boolean (H, W) and the threshold.

    Raises:
        InputError: the threshold is outside [0, 1).
    """
    if not 0 <= threshold < 1:
        raise InputError(
            f"{threshold} is no threshold of a map from 0 to 1",
            field="threshold",
            remedy="Use a number from 0 to below 1",
        )
    return map01 > np.float32(threshold), float(threshold)
