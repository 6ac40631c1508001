"""Overlap of two masks: pixels are counted once, then each metric is one line.

Every function gives NaN where its formula divides zero by zero; `conventions` decides the scores of
empty masks. Counts may be single numbers or arrays (one count per threshold).
"""

from dataclasses import dataclass

import numpy as np

Count = int | np.ndarray
Share = float | np.ndarray


@dataclass(frozen=True)
class Confusion:
    """Pixel counts: true positive, false positive, false negative, true negative."""

    tp: Count
    fp: Count
    fn: Count
    tn: Count


def confusion(reference: np.ndarray, prediction: np.ndarray) -> Confusion:
    """Count the agreement of two masks.

    Args:
        reference: boolean (H, W).
        prediction: boolean (H, W).

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != prediction.shape:
        raise ValueError(f"masks differ in shape: {reference.shape} and {prediction.shape}")
    tp = int(np.count_nonzero(reference & prediction))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(reference)) - tp
    return Confusion(tp, fp, fn, reference.size - tp - fp - fn)


def iou(counts: Confusion) -> Share:
    """Intersection over union, in [0, 1] (Jaccard 1912): tp / (tp + fp + fn)."""
    return _share(counts.tp, counts.tp + counts.fp + counts.fn)


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """IoU of two predicted masks; two empty masks agree and give 1."""
    both = int(np.count_nonzero(a & b))
    return agreement_of_areas(both, int(np.count_nonzero(a)), int(np.count_nonzero(b)))


def agreement_of_areas(both: int, a: int, b: int) -> float:
    """Compute `agreement` from the number of pixels in the intersection and in each mask."""
    union = a + b - both
    return both / union if union else 1.0


def dice(counts: Confusion) -> Share:
    """Dice coefficient, in [0, 1] (Dice 1945): 2 tp / (2 tp + fp + fn)."""
    return _share(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


# Keys are the names used in the settings.
IOU_AND_DICE = {"iou": iou, "dice": dice}


def precision(counts: Confusion) -> Share:
    """Share of the predicted pixels that are in the reference, in [0, 1]: tp / (tp + fp)."""
    return _share(counts.tp, counts.tp + counts.fp)


def recall(counts: Confusion) -> Share:
    """Share of the reference pixels that are predicted, in [0, 1]: tp / (tp + fn)."""
    return _share(counts.tp, counts.tp + counts.fn)


def specificity(counts: Confusion) -> Share:
    """Share of the pixels outside the reference that are not predicted, in [0, 1]: tn / (tn + fp).

    NaN where the reference is the whole image. It is near 1 for any small mask, so it means little
    on its own.
    """
    return _share(counts.tn, counts.tn + counts.fp)


def volume_similarity(counts: Confusion) -> Share:
    """Similarity of the two areas, wherever they are, in [0, 1]: 1 - |fn - fp| / (2 tp + fp + fn).

    Taha & Hanbury 2015. Two disjoint masks of equal size score 1: it does not measure overlap.
    """
    return 1 - _share(abs(counts.fn - counts.fp), 2 * counts.tp + counts.fp + counts.fn)


def false_positive_share(counts: Confusion) -> Share:
    """Share of the image area that is predicted outside the reference, in [0, 1]."""
    return _share(counts.fp, counts.tp + counts.fp + counts.fn + counts.tn)


def _share(part: Count, whole: Count) -> Share:
    """Divide; 0/0 is NaN."""
    if isinstance(whole, np.ndarray):
        result = np.full(whole.shape, np.nan)
        return np.divide(part, whole, out=result, where=whole > 0)
    return part / whole if whole else float("nan")
