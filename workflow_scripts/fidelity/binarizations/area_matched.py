"""A mask with as many pixels as the reference: a diagnostic without a threshold."""

import numpy as np

from fidelity.metrics.ties import top_k


def binarize(map01: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, float]:
    """Keep the highest pixels, exactly as many as the reference has.

    The remaining error depends on where the map points, not on how much of it is kept. Precision,
    recall and Dice are then equal to the relevance rank accuracy (`metrics.map_metrics`). Pixels of
    equal value are taken in a fixed shuffled order (`fidelity.metrics.ties`). If the map has too
    few positive pixels, pixels of value 0 are taken too. The rule uses the reference, so no
    explainer could be used this way in practice.

    Args:
        map01: float32 (H, W) in [0, 1].
        reference: boolean (H, W).

    Returns:
        Boolean (H, W), empty for a map of zeros; and the highest value that was left out (0 if no
        pixel was). Pixels of the mask may equal this value.
    """
    k = int(np.count_nonzero(reference))
    if not map01.any():
        return np.zeros(map01.shape, bool), 0.0
    mask = top_k(map01, k)
    return mask, float(map01[~mask].max(initial=0.0))
