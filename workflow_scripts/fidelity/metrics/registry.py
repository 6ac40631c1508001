"""The metrics by name, each with the facts that tables and figures need."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from fidelity.metrics import metric as of_pair
from fidelity.metrics import overlap
from fidelity.metrics.conventions import Protocol
from fidelity.metrics.map_registry import RANKING, RankingMetric
from fidelity.metrics.metric import (
    Distance,
    Metric,
    of_counts,
    of_distances,
    where_predicted,
    with_policy,
)

if TYPE_CHECKING:
    from fidelity.digests.markers import Description

_SHARE = (0.0, 1.0)
# Suffix of the name, unit, largest value.
_UNITS = [("", "px", math.inf), ("_mm", "mm", math.inf), ("_diagonal", "diagonal", 1.0)]
_IN_TITLES = {"px": "", "mm": ", mm", "diagonal": ", share of the diagonal"}


def _share(
    name: str,
    title: "Description",
    source: "Description",
    formula: Callable[[overlap.Confusion], float],
) -> Metric:
    return Metric(name, title, "higher", "1", _SHARE, source, of_counts(name, formula))


def _distance(
    name: str, title: "Description", source: "Description", formula: Distance
) -> list[Metric]:
    """Make one metric per unit."""
    return [
        Metric(
            name + suffix,
            title + _IN_TITLES[unit],
            "lower",
            unit,
            (0.0, largest),
            source,
            of_distances(name, formula, unit),
        )
        for suffix, unit, largest in _UNITS
    ]


_SHARES = [
    _share("iou", "IoU", "Jaccard 1912", overlap.iou),
    _share("dice", "Dice", "Dice 1945", overlap.dice),
    _share("precision", "Precision", "van Rijsbergen 1979", overlap.precision),
    _share("recall", "Recall", "van Rijsbergen 1979", overlap.recall),
    _share("specificity", "Specificity", "Yerushalmy 1947", overlap.specificity),
    _share(
        "volume_similarity", "Volume similarity", "Taha & Hanbury 2015", overlap.volume_similarity
    ),
]
_DISTANCES = [
    _distance(
        "hausdorff_full",
        "Hausdorff (full sets)",
        "scikit-image, hausdorff_distance",
        of_pair.hausdorff_full,
    ),
    _distance(
        "hausdorff_boundary",
        "Hausdorff (boundary)",
        "Huttenlocher et al. 1993; MONAI, compute_hausdorff_distance",
        of_pair.hausdorff_boundary,
    ),
    _distance(
        "hd95_boundary",
        "HD95 (boundary)",
        "MONAI, compute_hausdorff_distance, percentile 95",
        of_pair.hd95_boundary,
    ),
    _distance("assd", "Average surface distance", "Heimann et al. 2009; MedPy, assd", of_pair.assd),
]

MASK_METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        *_SHARES,
        Metric(
            "nsd",
            "Surface Dice",
            "higher",
            "1",
            _SHARE,
            "Nikolov et al. 2021; MONAI, compute_surface_dice",
            with_policy("nsd", "overlap", of_pair.nsd),
        ),
        *(metric for in_unit in zip(*_DISTANCES, strict=True) for metric in in_unit),
        Metric(
            "iou_nan",
            "IoU (predicted cases)",
            "higher",
            "1",
            _SHARE,
            "nan-mean of CheXlocalize (Saporta et al. 2022); rewards predicting nothing",
            where_predicted(of_counts("iou", overlap.iou)),
        ),
        Metric(
            "dice_nan",
            "Dice (predicted cases)",
            "higher",
            "1",
            _SHARE,
            "as iou_nan",
            where_predicted(of_counts("dice", overlap.dice)),
        ),
        Metric(
            "lesion_recall",
            "Lesion-wise recall",
            "higher",
            "1",
            _SHARE,
            "share of the reference's connected parts that the prediction touches",
            of_pair.lesion_recall,
        ),
        Metric(
            "false_positive_share",
            "False-positive area",
            "lower",
            "1",
            _SHARE,
            "share of the image that is predicted, over images with an empty reference",
            of_pair.false_positive_share,
        ),
    )
}

# All metrics: those of masks, and the threshold-free ones of maps.
METRICS: dict[str, Metric | RankingMetric] = {**MASK_METRICS, **RANKING}

# Metrics that are added when a metric is requested.
COMPANIONS = {"iou": "iou_nan", "dice": "dice_nan"}


def select(names: list[str], protocol: Protocol | None = None) -> list[Metric]:
    """Find metrics of masks by name and add their companions.

    Args:
        protocol: leaves out the metrics that it does not define; None keeps all.

    Returns:
        The requested metrics in the given order, then `iou_nan` and `dice_nan` if `iou` and `dice`
        are requested, then `false_positive_share`; no metric twice.
    """
    beside = [COMPANIONS[name] for name in names if name in COMPANIONS]
    asked = dict.fromkeys([*names, *beside, "false_positive_share"])
    return [MASK_METRICS[name] for name in asked if protocol is None or protocol.defines(name)]


def title_of(name: str) -> str:
    """Return the title of a metric in tables; an unknown name is returned unchanged."""
    return METRICS[name].title if name in METRICS else name
