"""Threshold-free scores of a saliency map: where it points, and how much of it lies inside.

All functions take a `MapPair` and measure the rendered map: upsampled, its part by sign, scaled to
[0, 1]. Shares of a sum use the map's positive relevance, unscaled, because scaling moves its zero.

Where the reference is empty, there is nothing to point at, and the score is NaN. The exception is
`outside_lung_share`, which needs no reference. An all-zero map is scored as an empty prediction is
by default: 0 in the pointing game, relevance mass and rank. Metrics named after another system's
rule reproduce that system.
"""

import math
from functools import cached_property

import numpy as np

from fidelity.metrics.curves import RankedMap, best_of, rank_map
from fidelity.metrics.distance import distance_to
from fidelity.metrics.ties import top_k


class MapPair:
    """A rendered map and a reference mask; what several metrics use is computed once."""

    def __init__(
        self,
        map01: np.ndarray,
        reference: np.ndarray,
        lung: np.ndarray | None = None,
        tolerance: float = 15,
        relevance: np.ndarray | None = None,
    ) -> None:
        """Store the arrays.

        Args:
            map01: float32 (H, W) in [0, 1].
            reference: boolean (H, W).
            lung: boolean (H, W), None where there is no lung mask.
            relevance: float (H, W), at least 0: the map's positive part in its own unit. None uses
                `map01`, which is the same up to a factor if the map is 0 or less somewhere.
        """
        self.map01, self.reference, self.lung, self.tolerance = map01, reference, lung, tolerance
        self.relevance = map01 if relevance is None else relevance

    @cached_property
    def area(self) -> int:
        """Number of reference pixels."""
        return int(np.count_nonzero(self.reference))

    @cached_property
    def zero(self) -> bool:
        """Whether the map is zero everywhere."""
        return not self.map01.any()

    @cached_property
    def peaks(self) -> np.ndarray:
        """Flat positions of all pixels with the highest value, in row-major order."""
        return np.flatnonzero(self.map01 == self.map01.max())

    @cached_property
    def ranked(self) -> RankedMap:
        """The sorted pixels, computed once for all metrics."""
        return rank_map(self.map01, self.reference)

    @cached_property
    def best(self) -> tuple[float, float]:
        """Best IoU over all thresholds, and its threshold."""
        return best_of(self.ranked)


def pointing_game(pair: MapPair) -> float:
    """Expected hit of the map's maximum, in [0, 1] (Zhang et al. 2018, no tolerance).

    It is the share of the pixels of highest value that lie inside the reference: the expected
    result of drawing one of them at random. With one maximal pixel, it is 0 or 1. All-zero map: 0.
    """
    if not pair.area:
        return math.nan
    return 0.0 if pair.zero else float(pair.reference.ravel()[pair.peaks].mean())


def pointing_game_any(pair: MapPair) -> float:
    """Return 1 if any pixel of highest value is in the reference, else 0 (Quantus, PointingGame).

    It rewards maps with ties over large areas: an all-zero or constant map always hits.
    """
    return float(pair.reference.ravel()[pair.peaks].any()) if pair.area else math.nan


def hit_rate(pair: MapPair) -> float:
    """Return 1 if the first maximal pixel, row by row, lies inside (CheXlocalize), else 0.

    Ties favour the top of the image; an all-zero map points at the top left corner.
    """
    return float(pair.reference.ravel()[pair.peaks[0]]) if pair.area else math.nan


def pointing_game_tolerance(pair: MapPair) -> float:
    """Expected hit within a tolerance, in [0, 1] (TorchRay, PointingGame, 15 px).

    As `pointing_game`, but a hit is inside the reference or strictly nearer to one of its pixels
    than the tolerance (distance of pixel centres). All-zero map: 0.
    """
    if not pair.area:
        return math.nan
    if pair.zero:
        return 0.0
    away = distance_to(pair.reference).ravel()[pair.peaks]
    # Squared distances of pixels are integers; the transform's float32 values are not exactly.
    squared = np.rint(away.astype(np.float64) ** 2)
    return float(((squared < pair.tolerance**2) | (squared == 0)).mean())


def relevance_mass(pair: MapPair) -> float:
    """Share of the map's sum that lies inside the reference, in [0, 1] (Arras et al. 2022).

    It uses the positive relevance before scaling. On maps without negative values, this is Quantus'
    RelevanceMassAccuracy, which otherwise sums signed values. All-zero or constant map: 0.
    """
    if not pair.area:
        return math.nan
    if pair.zero or not pair.relevance.any():
        return 0.0
    return _share(pair.relevance, pair.reference)


def relevance_rank(pair: MapPair) -> float:
    """Share of the |reference| highest pixels that lie inside, in [0, 1] (Arras et al. 2022).

    It is Quantus' RelevanceRankAccuracy, but ties have the declared order of `metrics.ties`, not
    that of the sort. It equals the Dice of the binarization `area_matched`. All-zero map: 0.
    """
    if not pair.area:
        return math.nan
    if pair.zero:
        return 0.0
    return float(np.count_nonzero(top_k(pair.map01, pair.area) & pair.reference) / pair.area)


def roc_auc(pair: MapPair) -> float:
    """Area under the ROC curve over pixels, in [0, 1]; ties count half (sklearn, roc_auc_score).

    It is the probability that a pixel inside ranks above one outside; a constant map has 0.5. NaN
    where the reference is empty or the whole image.
    """
    outside = pair.reference.size - pair.area
    if not pair.area or not outside:
        return math.nan
    ends = pair.ranked.below[pair.ranked.groups]
    inside_of = np.diff(ends)
    outside_of = np.diff(pair.ranked.groups) - inside_of
    above = pair.area - ends[1:]
    # Twice the number of pairs in the right order, in integers: at most 2 (H W / 2)².
    twice = int(np.sum(outside_of * (2 * above + inside_of)))
    return twice / (2 * pair.area * outside)


def average_precision(pair: MapPair) -> float:
    """Area under the precision-recall curve over pixels, in [0, 1] (sklearn).

    It is sklearn's average_precision_score: the mean of the precisions, weighted by the steps in
    recall, with one step per distinct value. A constant map has the reference's share of the image.
    """
    if not pair.area:
        return math.nan
    starts = pair.ranked.groups[:-1]
    tp = pair.area - pair.ranked.below[starts]
    steps = np.diff(pair.ranked.below[pair.ranked.groups])
    precision = tp / (pair.reference.size - starts)
    return float(np.sum(precision * steps) / pair.area)


def best_iou(pair: MapPair) -> float:
    """Highest IoU of the masks `map > t` over all t ≥ 0, in [0, 1].

    It is exact, over all distinct values of the map, and equals the IoU of the binarization
    `oracle`. It uses the reference to choose t. All-zero map: 0.
    """
    return pair.best[0]


def best_iou_threshold(pair: MapPair) -> float:
    """Threshold of the best IoU, in [0, 1]; among ties, the lowest."""
    return pair.best[1]


def outside_lung_share(pair: MapPair) -> float:
    """Share of the map's sum that lies outside the lung, in [0, 1]: attention to shortcuts.

    It uses the positive relevance before scaling, as `relevance_mass` does, and needs no reference.
    NaN where there is no lung mask, the lung mask is empty, or the map is all zero.
    """
    if pair.lung is None or not pair.lung.any() or pair.zero:
        return math.nan
    return _share(pair.relevance, ~pair.lung)


def _share(relevance: np.ndarray, region: np.ndarray) -> float:
    """Share of the sum that lies in a region; NaN if there is no positive relevance."""
    total = relevance.sum(dtype=np.float64)
    return float(relevance[region].sum(dtype=np.float64) / total) if total > 0 else math.nan
