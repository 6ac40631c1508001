"""Shares of images that are localized well enough: accuracy at T, CorLoc, recall of lesions."""

import numpy as np

from fidelity.statistics.set_level import SetValue, ratio

# The IoU required by CorLoc (Deselaers et al. 2012, by the criterion of PASCAL VOC).
CORLOC_IOU = 0.5


def accuracy_at(overlaps: np.ndarray, threshold: float) -> SetValue:
    """Share of images whose best overlap exceeds T: acc@T(IoU), acc@T(IoBB), CorLoc.

    Wang et al. 2017 (ChestX-ray8): a localization is correct if IoU > T(IoU), or IoBB > T(IoBB).

    Args:
        overlaps: (n,), the best IoU or IoBB of each image; NaN where there is nothing to find.
        threshold: T in [0, 1); an overlap must be above it.

    Returns:
        Function of how often each image counts; in [0, 1].
    """
    return ratio(overlaps > threshold, ~np.isnan(overlaps))


def lesion_recall(found: np.ndarray, lesions: np.ndarray) -> SetValue:
    """Share of all lesions that were found, from the counts (n,) of each image; in [0, 1]."""
    return ratio(found, lesions)
