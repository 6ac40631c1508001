"""The metrics by name, each with the facts that tables and figures need."""

import math

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.metrics import metric as of_pair
from fidelity.metrics import overlap
from fidelity.metrics.conventions import Protocol
from fidelity.metrics.map_registry import RANKING, RankingMetric
from fidelity.metrics.metric import Metric, of_counts, of_distances, where_predicted, with_policy

_SHARE = (0.0, 1.0)
_SHARES = [
    ("iou", "IoU", "Jaccard 1912", overlap.iou),
    ("dice", "Dice", "Dice 1945", overlap.dice),
    ("precision", "Precision", "van Rijsbergen 1979", overlap.precision),
    ("recall", "Recall", "van Rijsbergen 1979", overlap.recall),
    ("specificity", "Specificity", "Yerushalmy 1947", overlap.specificity),
    (
        "volume_similarity",
        "Volume similarity",
        "Taha & Hanbury 2015",
        overlap.volume_similarity,
    ),
]
_DISTANCES = [
    (
        "hausdorff_full",
        "Hausdorff (full sets)",
        "scikit-image, hausdorff_distance",
        of_pair.hausdorff_full,
    ),
    (
        "hausdorff_boundary",
        "Hausdorff (boundary)",
        "Huttenlocher et al. 1993; MONAI, compute_hausdorff_distance",
        of_pair.hausdorff_boundary,
    ),
    (
        "hd95_boundary",
        "HD95 (boundary)",
        "MONAI, compute_hausdorff_distance, percentile 95",
        of_pair.hd95_boundary,
    ),
    (
        "assd",
        "Average surface distance",
        "Heimann et al. 2009; MedPy, assd",
        of_pair.assd,
    ),
]
# Suffix of the name, unit, largest value, addition to the title.
_UNITS = [
    ("", "px", math.inf, ""),
    ("_mm", "mm", math.inf, ", mm"),
    ("_diagonal", "diagonal", 1.0, ", share of the diagonal"),
]

MASK_METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        *(
            Metric(name, title, "higher", "1", _SHARE, source, of_counts(name, formula))
            for name, title, source, formula in _SHARES
        ),
        Metric(
            "nsd",
            "Surface Dice",
            "higher",
            "1",
            _SHARE,
            "Nikolov et al. 2021; MONAI, compute_surface_dice",
            with_policy("nsd", "overlap", of_pair.nsd),
        ),
        *(
            Metric(
                name + suffix,
                title + more,
                "lower",
                unit,
                (0.0, largest),
                source,
                of_distances(name, formula, unit),
            )
            for suffix, unit, largest, more in _UNITS
            for name, title, source, formula in _DISTANCES
        ),
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
            "false_positive_share",
            "False-positive area",
            "lower",
            "1",
            _SHARE,
            "share of the image predicted where the reference is empty",
            of_pair.false_positive_share,
        ),
    )
}

# All metrics: of masks, and the threshold-free ones of maps.
METRICS: dict[str, Metric | RankingMetric] = {**MASK_METRICS, **RANKING}

# What stands beside a metric whenever it is asked for.
COMPANIONS = {"iou": "iou_nan", "dice": "dice_nan"}


def select(names: list[str], protocol: Protocol | None = None) -> list[Metric]:
    """Look up metrics of masks by name and add what stands beside them.

    Args:
        names: as in the config's `scores.metrics`.
        protocol: leaves out the metrics that it does not define; None leaves all.

    Returns:
        The metrics asked for, in that order, then `iou_nan` and `dice_nan` beside `iou` and `dice`,
        then `false_positive_share`; none twice.

    Raises:
        InputError: an unknown name (the nearest known one is suggested).
    """
    for name in names:
        if name not in MASK_METRICS:
            raise InputError(
                f"unknown metric {name!r}",
                field="scores.metrics",
                remedy=suggestion(name, MASK_METRICS),
            )
    beside = [COMPANIONS[name] for name in names if name in COMPANIONS]
    asked = dict.fromkeys([*names, *beside, "false_positive_share"])
    return [MASK_METRICS[name] for name in asked if protocol is None or protocol.defines(name)]


def title_of(name: str) -> str:
    """Name a metric as tables do; a name that is none of the metrics' stays."""
    return METRICS[name].title if name in METRICS else name
