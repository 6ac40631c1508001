"""The metrics by name, each with the facts that tables and figures need."""

import math

from fidelity.errors import InputError
from fidelity.metrics import distance, overlap
from fidelity.metrics.metric import (
    Metric,
    false_positive_share,
    of_counts,
    of_distances,
    where_predicted,
)
from fidelity.near import suggestion

_SHARE = (0.0, 1.0)
_PIXELS = (0.0, math.inf)
_MONAI = "MONAI 1.6.1, compute_hausdorff_distance"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("iou", "IoU", "higher", "1", _SHARE, "Jaccard 1912", of_counts(overlap.iou)),
        Metric("dice", "Dice", "higher", "1", _SHARE, "Dice 1945", of_counts(overlap.dice)),
        Metric(
            "precision",
            "Precision",
            "higher",
            "1",
            _SHARE,
            "van Rijsbergen 1979",
            of_counts(overlap.precision),
        ),
        Metric(
            "recall",
            "Recall",
            "higher",
            "1",
            _SHARE,
            "van Rijsbergen 1979",
            of_counts(overlap.recall),
        ),
        Metric(
            "hausdorff_full",
            "Hausdorff (full sets)",
            "lower",
            "px",
            _PIXELS,
            "scikit-image, hausdorff_distance",
            of_distances(distance.hausdorff_full),
        ),
        Metric(
            "hausdorff_boundary",
            "Hausdorff (boundary)",
            "lower",
            "px",
            _PIXELS,
            _MONAI,
            of_distances(distance.hausdorff_boundary),
        ),
        Metric(
            "hd95_boundary",
            "HD95 (boundary)",
            "lower",
            "px",
            _PIXELS,
            f"{_MONAI}, percentile 95",
            of_distances(distance.hd95_boundary),
        ),
        Metric(
            "iou_nan",
            "IoU (predicted cases)",
            "higher",
            "1",
            _SHARE,
            "nan-mean of CheXlocalize (Saporta et al. 2022); rewards predicting nothing",
            where_predicted(of_counts(overlap.iou)),
        ),
        Metric(
            "dice_nan",
            "Dice (predicted cases)",
            "higher",
            "1",
            _SHARE,
            "as iou_nan",
            where_predicted(of_counts(overlap.dice)),
        ),
        Metric(
            "false_positive_share",
            "False-positive area",
            "lower",
            "1",
            _SHARE,
            "share of the image predicted where the reference is empty",
            false_positive_share,
        ),
    )
}

# What stands beside a metric whenever it is asked for.
COMPANIONS = {"iou": "iou_nan", "dice": "dice_nan"}


def select(names: list[str]) -> list[Metric]:
    """Look up metrics by name and add what stands beside them.

    Args:
        names: as in the config's `scores.metrics`.

    Returns:
        The metrics asked for, in that order, then `iou_nan` and `dice_nan` beside `iou` and `dice`,
        then `false_positive_share`; none twice.

    Raises:
        InputError: an unknown name (the nearest known one is suggested).
    """
    for name in names:
        if name not in METRICS:
            raise InputError(
                f"unknown metric {name!r}",
                field="scores.metrics",
                remedy=suggestion(name, METRICS),
            )
    beside = [COMPANIONS[name] for name in names if name in COMPANIONS]
    return [METRICS[name] for name in dict.fromkeys([*names, *beside, "false_positive_share"])]
