"""The threshold-free metrics by name, each with the facts that tables and figures need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fidelity.metrics import map_metrics
from fidelity.metrics.map_metrics import MapPair

if TYPE_CHECKING:
    from fidelity.digests.markers import Description


@dataclass(frozen=True)
class RankingMetric:
    """A score of one saliency map against one reference mask.

    Attributes:
        name: column of ranking.parquet and key of the config.
        unit: `1`, because all are shares.
        source: paper or library that defines it.
        function: maps a MapPair to the score; NaN is undefined.
        uses_reference: whether it chooses something by the reference. Such a metric is shown, but
            enters no verdict, rank or primary comparison.
    """

    name: str
    title: "Description"
    direction: Literal["higher", "lower", "neither"]
    source: "Description"
    function: Callable[[MapPair], float]
    uses_reference: bool = False
    unit: Literal["1"] = "1"
    range: tuple[float, float] = (0.0, 1.0)


RANKING: dict[str, RankingMetric] = {
    metric.name: metric
    for metric in (
        RankingMetric(
            "pointing_game",
            "Pointing game",
            "higher",
            "Zhang et al. 2018; mean over pixels that tie for the maximum",
            map_metrics.pointing_game,
        ),
        RankingMetric(
            "pointing_game_any",
            "Pointing game (any maximum)",
            "higher",
            "Quantus 0.6.0, PointingGame",
            map_metrics.pointing_game_any,
        ),
        RankingMetric(
            "hit_rate",
            "Hit rate",
            "higher",
            "CheXlocalize (Saporta et al. 2022)",
            map_metrics.hit_rate,
        ),
        RankingMetric(
            "pointing_game_tolerance",
            "Pointing game (tolerance)",
            "higher",
            "TorchRay, PointingGame; mean over pixels that tie for the maximum",
            map_metrics.pointing_game_tolerance,
        ),
        RankingMetric(
            "relevance_mass",
            "Relevance mass",
            "higher",
            "Arras et al. 2022; Quantus 0.6.0, RelevanceMassAccuracy, of positive relevance",
            map_metrics.relevance_mass,
        ),
        RankingMetric(
            "relevance_rank",
            "Relevance rank",
            "higher",
            "Arras et al. 2022; Quantus 0.6.0, RelevanceRankAccuracy",
            map_metrics.relevance_rank,
        ),
        RankingMetric(
            "roc_auc", "Pixel ROC-AUC", "higher", "scikit-learn, roc_auc_score", map_metrics.roc_auc
        ),
        RankingMetric(
            "average_precision",
            "Pixel average precision",
            "higher",
            "scikit-learn, average_precision_score",
            map_metrics.average_precision,
        ),
        RankingMetric(
            "best_iou",
            "Best IoU",
            "higher",
            "highest IoU over all thresholds of each map",
            map_metrics.best_iou,
            uses_reference=True,
        ),
        RankingMetric(
            "best_iou_threshold",
            "Threshold of the best IoU",
            "neither",
            "the threshold of best_iou",
            map_metrics.best_iou_threshold,
            uses_reference=True,
        ),
        RankingMetric(
            "outside_lung_share",
            "Attribution outside the lung",
            "lower",
            "share of the positive relevance outside the lung mask",
            map_metrics.outside_lung_share,
        ),
    )
}
