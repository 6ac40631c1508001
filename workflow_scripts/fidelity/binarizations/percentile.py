"""The highest pixels of each map: the mask covers the same share of the image for all maps."""

from typing import Literal

import numpy as np

from fidelity.binarizations.kept_pixels import kept_pixels
from fidelity.metrics.ties import top_k


def binarize(
    map01: np.ndarray, percentile: float, ties: Literal["shuffled", "excluded"] = "shuffled"
) -> tuple[np.ndarray, float]:
    """Keep the highest (100 - percentile) % of all pixels of the image, and never more.

    Let k be the requested number of pixels (rounded down). The threshold is the (k + 1)-th highest
    value. Without ties, the mask is strictly above it and has exactly k pixels. `np.percentile`
    interpolates between two values instead; it selects the same pixels, except for at most one.

    Pixels may tie with the threshold (superpixels, saturated maps). With `shuffled`, tied pixels
    are taken in a fixed shuffled order (`fidelity.metrics.ties`) until the mask has k pixels. All
    explainers then get masks of the same size. With `excluded`, all tied pixels are left out. The
    mask then has fewer than k pixels. It is empty if the highest value alone covers more than k.
    Pixels of value 0 are never taken.

    Args:
        map01: float32 (H, W) in [0, 1].
        percentile: in [0, 100).
        ties: how to treat pixels that equal the threshold: `shuffled` or `excluded`.

    Returns:
        Boolean (H, W) and the threshold of this map. A shuffled mask may hold pixels equal to it.

    Raises:
        InputError: the percentile keeps less than one pixel.
    """
    asked = kept_pixels(map01.size, percentile)
    rank = max(map01.size - 1 - asked, 0)
    threshold = np.partition(map01, rank, axis=None)[rank]
    if ties == "shuffled" and threshold > 0:
        return top_k(map01, asked), float(threshold)
    return map01 > threshold, float(threshold)
