"""The highest pixels of each map: a mask of the same share of the image for all maps."""

import math

import numpy as np

from fidelity.errors import InputError


def binarize(map01: np.ndarray, percentile: float) -> tuple[np.ndarray, float]:
    """Keep the highest (100 - percentile) % of all pixels of the image, and never more.

    With k the number of pixels asked for (rounded down), the threshold is the (k + 1)-th highest
    value and the mask is strictly above it. Without ties these are exactly k pixels. Pixels tied
    with the threshold are all left out: a piecewise-constant map (superpixels) or one with many
    zeros gives fewer than k, none at all if the highest value alone covers more than k pixels.
    `np.percentile` interpolates between two values instead, which picks the same pixels up to one.

    Args:
        map01: float32 (H, W) in [0, 1].
        percentile: in [0, 100).

    Returns:
        Boolean (H, W) and the threshold of this map.

    Raises:
        InputError: the percentile is outside [0, 100).
    """
    if not 0 <= percentile < 100:
        raise InputError(
            f"{percentile} is no percentile",
            field="percentile",
            remedy="Use a number from 0 to below 100",
        )
    # Rounded first: 100 - 99.9 is a little less than 0.1 in binary.
    asked = math.floor(round(map01.size * (100 - percentile) / 100, 6))
    rank = max(map01.size - 1 - asked, 0)
    threshold = np.partition(map01, rank, axis=None)[rank]
    return map01 > threshold, float(threshold)
