"""The best threshold of each image: what a perfect choice of thresholds would reach."""

from typing import Literal

import numpy as np

from fidelity.metrics.curves import best_threshold


def binarize(
    map01: np.ndarray, reference: np.ndarray, metric: Literal["iou", "dice"] = "iou"
) -> tuple[np.ndarray, float]:
    """Keep the pixels strictly above the threshold that scores best on this very reference.

    An upper bound, exact over all distinct values of the map, not over a grid. IoU and Dice are
    monotone in each other, so both choose one threshold. The lowest of equally good ones is used.

    Args:
        map01: float32 (H, W) in [0, 1].
        reference: boolean (H, W); an empty one gives an empty mask.

    Returns:
        Boolean (H, W) and the threshold.
    """
    if not reference.any():
        return np.zeros(map01.shape, bool), 1.0
    _, threshold = best_threshold(map01, reference, metric)
    return map01 > np.float32(threshold), threshold
