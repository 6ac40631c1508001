"""Overlap at every threshold of a map, from one sort instead of one mask per threshold."""

import numpy as np

from fidelity.metrics import overlap
from fidelity.metrics.conventions import EmptyPolicy
from fidelity.metrics.overlap import Confusion


def confusion_curve(map01: np.ndarray, reference: np.ndarray, thresholds: np.ndarray) -> Confusion:
    """Count the agreement of the masks `map01 > t` with the reference at all thresholds.

    Args:
        map01: float32 (H, W).
        reference: boolean (H, W).
        thresholds: (k,) in any order; rounded to float32, as `binarizations.fixed` does.

    Returns:
        Counts as int64 arrays (k,), equal to those of thresholding one by one.

    Raises:
        ValueError: if the shapes differ.
    """
    if map01.shape != reference.shape:
        raise ValueError(f"map and mask differ in shape: {map01.shape} and {reference.shape}")
    cuts = np.asarray(thresholds, np.float32)
    inside, outside = np.sort(map01[reference]), np.sort(map01[~reference])
    # side="right" counts what is at most t: strict m > t are the others.
    tp = inside.size - np.searchsorted(inside, cuts, side="right")
    fp = outside.size - np.searchsorted(outside, cuts, side="right")
    return Confusion(tp=tp, fp=fp, fn=inside.size - tp, tn=outside.size - fp)


def overlap_curves(
    map01: np.ndarray, reference: np.ndarray, thresholds: np.ndarray, policy: EmptyPolicy
) -> tuple[np.ndarray, np.ndarray]:
    """Compute IoU and Dice at all thresholds.

    Args:
        map01: float32 (H, W).
        reference: boolean (H, W).
        thresholds: (k,).
        policy: what empty masks are worth.

    Returns:
        IoU and Dice, float64 (k,) each, in [0, 1] or NaN.
    """
    counts = confusion_curve(map01, reference, thresholds)
    iou, dice = overlap.iou(counts), overlap.dice(counts)
    predicted = counts.tp + counts.fp
    reference_empty = not reference.any()
    for empty in (False, True):
        if empty or reference_empty:
            value = policy.value(
                "overlap",
                reference_empty=reference_empty,
                prediction_empty=empty,
                shape=map01.shape,
            )
            rows = (predicted == 0) == empty
            iou[rows], dice[rows] = value, value
    return iou, dice
