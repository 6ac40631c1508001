"""As many pixels as the reference mask has: a diagnostic free of any threshold."""

import numpy as np

from fidelity.metrics.ties import top_k


def binarize(map01: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, float]:
    """Keep the highest pixels, exactly as many as the reference has.

    What is left of the error is where the map points, not how much of it is kept. Precision, recall
    and Dice are then one number, the relevance rank accuracy (`metrics.map_metrics`). Pixels of
    equal value are taken in a fixed shuffled order (`fidelity.metrics.ties`), those of value 0 too
    where the map has fewer others. It has seen the reference: no explainer could be used so.

    Args:
        map01: float32 (H, W) in [0, 1].
        reference: boolean (H, W).

    Returns:
        Boolean (H, W), empty for a map that is all zero; and the highest value left out (0 if none
        is), which pixels of the mask may equal.
    """
    k = int(np.count_nonzero(reference))
    if not map01.any():
        return np.zeros(map01.shape, bool), 0.0
    mask = top_k(map01, k)
    return mask, float(map01[~mask].max(initial=0.0))
