"""The best threshold of each image: an upper bound for any choice of thresholds."""

from typing import Literal

import numpy as np

from fidelity.metrics.curves import best_threshold


def binarize(
    map01: np.ndarray, reference: np.ndarray, metric: Literal["iou", "dice"] = "iou"
) -> tuple[np.ndarray, float]:
    """Keep the pixels strictly above the threshold with the best score on this reference.

    The upper bound is exact: all distinct values of the map are tried, not only a grid. IoU is a
    monotone function of Dice, so both choose the same threshold. Among ties, the lowest threshold
    is used.

    Args:
        map01: float32 (H, W) in [0, 1].
        reference: boolean (H, W); an empty reference gives an empty mask.

    Returns:
        Boolean (H, W) and the threshold.
    """
    if not reference.any():
        return np.zeros(map01.shape, bool), 1.0
    _, threshold = best_threshold(map01, reference, metric)
    return map01 > np.float32(threshold), threshold
