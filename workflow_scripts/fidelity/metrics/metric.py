"""What a metric is: its facts, and a function of two masks and the policy for empty ones."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fidelity.metrics import distance, overlap
from fidelity.metrics.conventions import EmptyPolicy, Family
from fidelity.metrics.pair import MaskPair

Score = Callable[[MaskPair, EmptyPolicy], float]


@dataclass(frozen=True)
class Metric:
    """A score of one predicted mask against one reference mask.

    Attributes:
        name: column of scores.parquet and key of the config.
        title: for tables and figures.
        direction: whether `higher` or `lower` is better.
        unit: `1` for shares, `px` for pixels of the scored image.
        range: smallest and largest value.
        source: paper or library that defines it.
        function: (pair, policy) -> score; NaN is undefined.
    """

    name: str
    title: str
    direction: Literal["higher", "lower"]
    unit: Literal["1", "px"]
    range: tuple[float, float]
    source: str
    function: Score


def with_policy(family: Family, formula: Callable[[MaskPair], float]) -> Score:
    """Use the formula where both masks have pixels and the policy where not."""

    def score(pair: MaskPair, policy: EmptyPolicy) -> float:
        if pair.reference.empty or pair.prediction.empty:
            return policy.value(
                family,
                reference_empty=pair.reference.empty,
                prediction_empty=pair.prediction.empty,
                shape=pair.shape,
            )
        return formula(pair)

    return score


def of_counts(formula: Callable[[overlap.Confusion], float]) -> Score:
    """Make a score of a formula on pixel counts."""
    return with_policy("overlap", lambda pair: formula(pair.confusion))


def of_distances(formula: Callable[[distance.Distances], float]) -> Score:
    """Make a score of a formula on directed distances."""
    return with_policy("distance", lambda pair: formula(pair.distances))


def where_predicted(score: Score) -> Score:
    """Leave a case with an empty prediction undefined, whatever the policy says."""
    return lambda pair, policy: math.nan if pair.prediction.empty else score(pair, policy)


def false_positive_share(pair: MaskPair, policy: EmptyPolicy) -> float:
    """Report what is predicted where nothing is; undefined where the reference has pixels."""
    return overlap.false_positive_share(pair.confusion) if pair.reference.empty else math.nan
