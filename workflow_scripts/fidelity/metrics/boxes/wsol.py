"""MaxBoxAcc, MaxBoxAccV2 and PxAP by the conventions of clovaai/wsolevaluation (Choe et al. 2020).

They reproduce that code. A map is rounded down to 256 levels. A threshold is a share of its highest
level, truncated to a whole number. Every contour counts, including one around a hole. Boxes have
integer corners: x1 = x + width, but at most the last column. Their sides are x1 - x0 + 1. Without a
contour, the box is the pixel (0, 0).

MaxBoxAcc takes the best threshold of the same set that it scores: a diagnostic, not a result to
compare explainers by. `box_accuracy` takes a threshold that was chosen on another set.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from fidelity.statistics.set_level import SetValue, of_sums

# The IoU δ of MaxBoxAcc and of MaxBoxAccV2.
IOU, IOUS = (0.5,), (0.3, 0.5, 0.7)
# wsolevaluation's default interval on the command line is 0.01.
STEPS = 100


def thresholds_of(steps: int = STEPS) -> np.ndarray:
    """Return the thresholds: 0, 1/steps, … below 1."""
    # For some numbers of steps, rounding gives one more, which is cut off.
    return np.arange(0, 1, 1 / steps)[:steps]


def whole_boxes(boxes: np.ndarray) -> np.ndarray:
    """Truncate the corners of boxes, float (m, 4), to whole numbers, as `resize_bbox` does."""
    return boxes.astype(np.int64)


def inclusive_iou(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """IoU of boxes (k, 4) and (m, 4) that include their last row and column: (k, m) in [0, 1]."""
    shared = np.ones((len(predicted), len(reference)), np.int64)
    for start, end in ((0, 2), (1, 3)):
        first = np.maximum(predicted[:, None, start], reference[None, :, start])
        last = np.minimum(predicted[:, None, end], reference[None, :, end])
        shared *= np.maximum(0, last - first + 1)
    own, other = (
        (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
        for boxes in (predicted, reference)
    )
    return shared / (own[:, None] + other[None, :] - shared)


def boxes_at_thresholds(
    map01: np.ndarray, thresholds: np.ndarray
) -> tuple[list[np.ndarray], list[int], np.ndarray]:
    """Find the boxes of a map at each threshold.

    Thresholds with no level of the map between them have the same boxes, which are found once.

    Args:
        map01: float (H, W) in [0, 1].
        thresholds: shares of the highest level, (k,).

    Returns:
        A list of distinct sets of boxes, each int64 (boxes, 4) of y0, x0, y1, x1; for each set, the
        position of the box of the largest contour; and the set of each threshold, (k,).
    """
    levels = (map01 * 255).astype(np.uint8)
    top = int(levels.max())
    present = np.unique(levels)
    cuts = [int(threshold * top) for threshold in thresholds]
    lowest, of_threshold = np.unique(
        np.searchsorted(present, cuts, side="right"), return_inverse=True
    )
    present = present.astype(int)
    # A threshold that no level exceeds has an empty mask.
    floors = [int(present[at]) - 1 if at < len(present) else 255 for at in lowest]
    sets, largest = zip(*(_contour_boxes(levels, floor) for floor in floors), strict=True)
    return list(sets), list(largest), of_threshold


def _contour_boxes(levels: np.ndarray, floor: int) -> tuple[np.ndarray, int]:
    """Bound the contours of the pixels above a level, and find the largest contour."""
    _, mask = cv2.threshold(levels, floor, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return np.zeros((1, 4), np.int64), 0
    x, y, width, height = np.array([cv2.boundingRect(contour) for contour in contours]).T
    rows, columns = mask.shape
    ends = np.minimum(y + height, rows - 1), np.minimum(x + width, columns - 1)
    largest = int(np.argmax([cv2.contourArea(contour) for contour in contours]))
    return np.stack([y, x, *ends], axis=1).astype(np.int64), largest


def ious_at_thresholds(
    map01: np.ndarray, reference: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the best IoU of a box of the map with a reference box, at each threshold.

    Args:
        map01: float (H, W) in [0, 1].
        reference: float boxes (m, 4) in pixels of the map, at least one; corners are truncated.
        thresholds: (k,).

    Returns:
        Two float64 (k,) in [0, 1]: using only the largest contour (MaxBoxAcc), and using all
        contours (MaxBoxAccV2).
    """
    sets, largest, of_threshold = boxes_at_thresholds(map01, thresholds)
    best = inclusive_iou(np.concatenate(sets), whole_boxes(reference)).max(axis=1)
    starts = np.cumsum([0, *map(len, sets[:-1])])
    return best[starts + largest][of_threshold], np.maximum.reduceat(best, starts)[of_threshold]


def max_box_accuracy(ious: np.ndarray, levels: Sequence[float] = IOU) -> SetValue:
    """MaxBoxAcc: the share of images with IoU ≥ δ at the best threshold of the scored set.

    It uses the references that it is scored on. With several δ, each has its own best threshold,
    and the mean is taken (MaxBoxAccV2 with `IOUS`).

    Args:
        ious: (n, k), best IoU of each image at each threshold.

    Returns:
        Function of how often each image counts; in [0, 1].
    """
    return _accuracies(ious, levels, lambda shares: shares.max(axis=2).mean(axis=1))


def box_accuracy(ious: np.ndarray, at: Sequence[int], levels: Sequence[float] = IOU) -> SetValue:
    """Share of images with IoU ≥ δ at thresholds that were chosen on other images.

    Args:
        ious: (n, k), best IoU of each image at each threshold.
        at: position of the threshold for each δ; see `best_positions`.
    """
    places = np.arange(len(levels)), np.asarray(at)
    return _accuracies(ious, levels, lambda shares: shares[:, *places].mean(axis=1))


def best_positions(ious: np.ndarray, levels: Sequence[float] = IOU) -> list[int]:
    """Find the position of the best threshold of a set for each δ; among ties, the lowest."""
    return [int((ious >= level).mean(axis=0).argmax()) for level in levels]


def _accuracies(ious: np.ndarray, levels: Sequence[float], choose) -> SetValue:
    count, steps = ious.shape
    right = np.stack([ious >= level for level in levels], axis=1).reshape(count, -1)

    def formula(sums: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = sums[:, :-1] / sums[:, -1:]
        return choose(shares.reshape(-1, len(levels), steps))

    return of_sums(np.concatenate([right, np.ones((count, 1))], axis=1), formula)


def pixel_histograms(
    map01: np.ndarray,
    reference: np.ndarray,
    thresholds: np.ndarray,
    ignored: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Count the values of a map inside and outside the reference, for PxAP.

    Args:
        map01: float (H, W) in [0, 1].
        reference: boolean (H, W).
        thresholds: (k,), the edges of the bins, then 1, 2 and 3.
        ignored: boolean (H, W), pixels that do not count, unless they are in the reference.

    Returns:
        Two int64 (k + 2,): pixels of the reference, and others.
    """
    edges = np.append(thresholds, [1.0, 2.0, 3.0])
    outside = ~reference if ignored is None else ~(reference | ignored)
    values = map01.astype(np.float64)
    # Equal to `numpy.histogram`, whose last bin is closed: no value of a map reaches that bin.
    inside, others = (
        np.bincount(np.searchsorted(edges, values[mask], side="right") - 1, minlength=len(edges))
        for mask in (reference, outside)
    )
    return inside[: len(edges) - 1], others[: len(edges) - 1]


def pixel_average_precision(inside: np.ndarray, outside: np.ndarray) -> SetValue:
    """PxAP: average precision over the pixels of all images together, in [0, 1].

    Args:
        inside: (n, bins), first result of `pixel_histograms`.
        outside: (n, bins), second result.

    Returns:
        Function of how often each image counts; NaN where no pixel is in a reference.
    """
    bins = inside.shape[1]

    def formula(sums: np.ndarray) -> np.ndarray:
        true = sums[:, :bins][:, ::-1].cumsum(axis=1)
        false = sums[:, bins:][:, ::-1].cumsum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision, recall = true / (true + false), true / true[:, -1:]
        steps = np.where((true + false)[:, 1:] > 0, precision[:, 1:] * np.diff(recall), 0)
        return np.where(true[:, -1] > 0, steps.sum(axis=1), np.nan)

    return of_sums(np.concatenate([inside, outside], axis=1), formula)
