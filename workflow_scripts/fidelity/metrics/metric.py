"""Define a metric: its facts, and a function of two masks and a protocol."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fidelity.metrics import overlap, surface
from fidelity.metrics.boxes.lesions import components_found
from fidelity.metrics.conventions import Protocol
from fidelity.metrics.empty import Family, number
from fidelity.metrics.pair import MaskPair, Unit

if TYPE_CHECKING:
    from fidelity.digests.markers import Description

Score = Callable[[MaskPair, Protocol], float]
Distance = Callable[[MaskPair, Protocol, Unit], float]


@dataclass(frozen=True)
class Metric:
    """A score of one predicted mask against one reference mask.

    Attributes:
        name: column of scores.parquet and key of the config.
        unit: `1` for shares, `px` for pixels of the scored image, `mm`, or `diagonal` for shares of
            the scored image's diagonal.
        function: (pair, protocol) -> score; NaN is undefined.
        uses_reference: whether it chooses something by the reference; False for all metrics of
            masks.
    """

    name: str
    title: "Description"
    direction: Literal["higher", "lower"]
    unit: Literal["1", "px", "mm", "diagonal"]
    range: tuple[float, float]
    source: "Description"
    function: Score
    uses_reference: bool = False


def with_policy(
    metric: str, family: Family, formula: Callable[[MaskPair, Protocol], float], unit: Unit = "px"
) -> Score:
    """Use the formula if both masks have pixels, and otherwise the protocol's word.

    Args:
        family: decides which words apply, unless the protocol makes an exception for the metric.
        unit: of the score, if it is a distance.
    """

    def score(pair: MaskPair, protocol: Protocol) -> float:
        if not (pair.reference.empty or pair.prediction.empty):
            return formula(pair, protocol)
        word = protocol.empty.word(
            family,
            reference_empty=pair.reference.empty,
            prediction_empty=pair.prediction.empty,
            metric=metric,
        )
        return formula(pair, protocol) if word == "formula" else number(word, pair.diagonal(unit))

    return score


def of_counts(metric: str, formula: Callable[[overlap.Confusion], float]) -> Score:
    """Make a score from a formula of pixel counts."""
    return with_policy(metric, "overlap", lambda pair, _: formula(pair.confusion))


def of_distances(metric: str, formula: Distance, unit: Unit) -> Score:
    """Make a score from a formula of distances; NaN in mm where the spacing is unknown."""

    def score(pair: MaskPair, protocol: Protocol) -> float:
        if unit == "mm" and pair.spacing is None:
            return math.nan
        return declared(pair, protocol)

    declared = with_policy(metric, "distance", lambda p, protocol: formula(p, protocol, unit), unit)
    return score


def where_predicted(score: Score) -> Score:
    """Leave a case with an empty prediction undefined, whatever the protocol's word is."""
    return lambda pair, protocol: math.nan if pair.prediction.empty else score(pair, protocol)


def false_positive_share(pair: MaskPair, _protocol: Protocol) -> float:
    """Share of the image predicted where the reference is empty; undefined where it is not."""
    return overlap.false_positive_share(pair.confusion) if pair.reference.empty else math.nan


def lesion_recall(pair: MaskPair, _protocol: Protocol) -> float:
    """Share of the lesions, 8-connected parts of the reference, that the prediction touches."""
    found, lesions = components_found(pair.reference.mask, pair.prediction.mask)
    return found / lesions if lesions else math.nan


def hausdorff_full(pair: MaskPair, _protocol: Protocol, unit: Unit) -> float:
    """Hausdorff distance over the full sets of pixels; see `distance.hausdorff_full`."""
    return pair.hausdorff_full(unit)


def hausdorff_boundary(pair: MaskPair, protocol: Protocol, unit: Unit) -> float:
    """Hausdorff distance over the protocol's surfaces; see `surface.maximum`."""
    return surface.maximum(pair.surfaces(protocol.surface, unit))


def hd95_boundary(pair: MaskPair, protocol: Protocol, unit: Unit) -> float:
    """95th percentile Hausdorff distance over the protocol's surfaces, by its percentile rule."""
    return surface.PERCENTILES[protocol.percentile](pair.surfaces(protocol.surface, unit))


def assd(pair: MaskPair, protocol: Protocol, unit: Unit) -> float:
    """Average symmetric surface distance; see `surface.mean_distance`."""
    return surface.mean_distance(pair.surfaces(protocol.surface, unit))


def nsd(pair: MaskPair, protocol: Protocol) -> float:
    """Normalised surface Dice at the protocol's tolerance; see `surface.share_within`."""
    return surface.share_within(pair.surfaces(protocol.surface, "px"), protocol.surface_tolerance)
