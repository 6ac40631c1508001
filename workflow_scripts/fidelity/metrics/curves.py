"""Overlap at every threshold of a map, from one sort instead of one mask per threshold."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from fidelity.metrics import overlap
from fidelity.metrics.empty import EmptyPolicy
from fidelity.metrics.overlap import Confusion

# Metrics that are computed at every threshold.
SHARES = {**overlap.IOU_AND_DICE, "precision": overlap.precision, "recall": overlap.recall}


@dataclass(frozen=True)
class RankedMap:
    """The pixels of a map, sorted once, as the basis of all threshold-free scores.

    Attributes:
        values: float32 (n,), all pixels, lowest first.
        inside: boolean (n,), whether each is in the reference. The order of pixels with equal
            values has no meaning, so counts are valid only at the ends of groups.
    """

    values: np.ndarray
    inside: np.ndarray

    @cached_property
    def below(self) -> np.ndarray:
        """Number of reference pixels among the first i pixels, int64 (n + 1,)."""
        return np.concatenate([[0], np.cumsum(self.inside, dtype=np.int64)])

    @cached_property
    def groups(self) -> np.ndarray:
        """Start of each group of equal values; the last entry is n."""
        new = np.flatnonzero(self.values[1:] != self.values[:-1]) + 1
        return np.concatenate([[0], new, [self.values.size]])

    def confusion(self, first: np.ndarray) -> Confusion:
        """Count the agreement of the masks without the first `first[i]` pixels."""
        positives, size = int(self.below[-1]), self.values.size
        tp = positives - self.below[first]
        fp = size - first - tp
        return Confusion(tp=tp, fp=fp, fn=positives - tp, tn=size - positives - fp)


def rank_map(map01: np.ndarray, reference: np.ndarray) -> RankedMap:
    """Sort the pixels of a map, and note for each whether it is inside the reference.

    The bits of a float32 from 0 to 1 are an integer of 30 bits with the same order. With the
    reference as the lowest bit, a single sort of integers is enough; an argsort takes five times
    longer.

    Args:
        map01: float32 (H, W) in [0, 1].
        reference: boolean (H, W).

    Raises:
        ValueError: the shapes differ, or the map is not float32.
    """
    if map01.shape != reference.shape:
        raise ValueError(f"map and mask differ in shape: {map01.shape} and {reference.shape}")
    if map01.dtype != np.float32:
        raise ValueError(f"a rendered map is float32, not {map01.dtype}")
    # A negative zero has its sign bit set; adding zero clears it.
    keys = (map01.ravel() + np.float32(0)).view(np.uint32) << np.uint32(1)
    keys |= reference.ravel()
    keys.sort()
    return RankedMap((keys >> np.uint32(1)).view(np.float32), (keys & np.uint32(1)).astype(bool))


def confusion_curve(map01: np.ndarray, reference: np.ndarray, thresholds: np.ndarray) -> Confusion:
    """Count the agreement of the masks `map01 > t` with the reference at all thresholds.

    Args:
        map01: float32 (H, W) in [0, 1].
        reference: boolean (H, W).
        thresholds: (k,) in any order; rounded to float32, as `binarizations.fixed` does.

    Returns:
        Counts as int64 arrays (k,), equal to those of thresholding one by one.

    Raises:
        ValueError: the shapes differ.
    """
    ranked = rank_map(map01, reference)
    # side="right" counts pixels m ≤ t; the others have m > t.
    left_out = np.searchsorted(ranked.values, np.asarray(thresholds, np.float32), side="right")
    return ranked.confusion(left_out)


def overlap_curves(
    map01: np.ndarray, reference: np.ndarray, thresholds: np.ndarray, policy: EmptyPolicy
) -> dict[str, np.ndarray]:
    """Compute IoU, Dice, precision and recall at all thresholds: float64 (k,), in [0, 1] or NaN.

    Args:
        map01: float32 (H, W) in [0, 1].
        reference: boolean (H, W).
        thresholds: (k,).
    """
    counts = confusion_curve(map01, reference, thresholds)
    found = {name: formula(counts) for name, formula in SHARES.items()}
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
            for curve in found.values():
                curve[rows] = value
    return found


def best_threshold(
    map01: np.ndarray, reference: np.ndarray, metric: Literal["iou", "dice"] = "iou"
) -> tuple[float, float]:
    """Find the exact threshold of highest overlap, among 0 and all distinct values of the map.

    Args:
        map01: float32 (H, W) in [0, 1].
        reference: boolean (H, W).
        metric: `iou` or `dice`; both are highest at the same threshold.

    Returns:
        The highest score of the masks `map01 > t` with t ≥ 0, and the lowest t with this score;
        (NaN, NaN) for an empty reference.
    """
    return best_of(rank_map(map01, reference), metric)


def best_of(ranked: RankedMap, metric: Literal["iou", "dice"] = "iou") -> tuple[float, float]:
    """Find the threshold of highest overlap in sorted pixels; see `best_threshold`."""
    if ranked.below[-1] == 0:
        return float("nan"), float("nan")
    # If i is the end of a group, leaving out the first i pixels means thresholding at its value.
    first = ranked.groups[1:] if ranked.values[0] == 0 else ranked.groups
    scores = overlap.IOU_AND_DICE[metric](ranked.confusion(first))
    best = int(np.argmax(scores))
    return float(scores[best]), float(ranked.values[first[best] - 1]) if first[best] else 0.0
