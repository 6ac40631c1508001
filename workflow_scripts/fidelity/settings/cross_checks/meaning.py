"""Check keys of different sections that must fit together."""

import math
from typing import get_args

from fidelity.base.errors import InputError
from fidelity.datasets.registry import reader
from fidelity.settings.config import TITLED, Config
from fidelity.settings.cross_checks.datasets import check_dataset
from fidelity.settings.cross_checks.designs import (
    check_controls,
    check_known_truth,
    check_sanity,
    check_trainings,
)
from fidelity.settings.cross_checks.entries import (
    all_explainers,
    check_name,
    fair_binarizations,
)
from fidelity.settings.cross_checks.explainers import (
    check_binarizations,
    check_explainer,
    check_targets,
    check_thresholds,
)
from fidelity.settings.datasets import Dataset
from fidelity.settings.statistics import BoxProtocol, Statistics

RESERVED_FOLDERS = {
    "prepared",
    "shards",
    "tables",
    "figures",
    "explorer",
    "paper",
    "notebooks",
    "faithfulness",
    "repeatability",
    "known_truth",
    "hiding",
}
RESERVED = {
    "datasets": RESERVED_FOLDERS | {"raw", "summary", "logs", "benchmarks"},
    "classifiers": RESERVED_FOLDERS | {"none"},
    "binarizations": {"none", "maps"},
}


def check_meaning(config: Config) -> None:
    """Check what no section can check alone.

    Args:
        config: CheXpert's class names under `threshold` are replaced in place by the names used
            here.

    Raises:
        InputError: the error names the key, the problem, and a similar key or value if there is
            one.
    """
    for section, reserved in RESERVED.items():
        for key in getattr(config, section):
            if key in reserved:
                raise InputError(
                    "is a reserved name", field=f"{section}.{key}", remedy="Choose another name"
                )
    for path, entry in all_explainers(config):
        check_explainer(path, entry, config)
    check_targets(config)
    check_binarizations(config)
    for key in config.datasets:
        check_dataset(key, config)
    check_thresholds(config)
    check_sanity(config)
    for name in config.known_truth.datasets:
        check_known_truth(name, config)
    check_trainings(config)
    check_controls(config)
    _check_statistics(config)
    if "default" not in config.protocols:
        raise InputError(
            "the protocol default is missing, but the primary comparison uses it",
            field="protocols",
            remedy="Add default; keep the others",
        )
    _check_boxes(config)
    _check_titles(config)
    for field in ("order", "colours"):
        for name in getattr(config.display, field):
            check_name(name, config.explainers, f"display.{field}", "explainer")
    if config.figures.gallery_by is not None:
        check_name(config.figures.gallery_by, config.explainers, "figures.gallery_by")
    for name in config.figures.gallery_explainers or ():
        check_name(name, config.explainers, "figures.gallery_explainers", "explainer")


def _check_statistics(config: Config) -> None:
    """Check that the primary comparison is possible, and that a required accuracy is computed."""
    primary = config.statistics.primary
    comparable = [
        name
        for name in config.scores.metrics
        if name != "false_positive_share" and not name.endswith("_nan")
    ]
    check_name(primary, comparable, "statistics.primary")
    for key, dataset in config.datasets.items():
        lacking = dataset.source != "table" and dataset.pixel_spacing is None
        if primary.endswith("_mm") and lacking:
            raise InputError(
                f"{primary!r} needs the pixel spacing, but datasets.{key} has none",
                field="statistics.primary",
                remedy=f"Set datasets.{key}.pixel_spacing, or use "
                f"{primary.removesuffix('_mm')!r} (pixels)",
            )
        if config.statistics.least_accuracy is not None and _has_several_classes(dataset):
            raise InputError(
                f"an image of datasets.{key} can have several classes, so classifiers have no"
                " accuracy there",
                field="statistics.least_accuracy",
                remedy="Remove it, or run this data set with a config of its own",
            )
    _check_numbers_of_draws(config.statistics)
    fair = fair_binarizations(config)
    if not fair:
        raise InputError(
            "all binarizations use the reference mask, so no fair comparison is possible",
            field="binarizations",
            remedy="Add one that does not use it, such as tuned or fixed",
        )
    chosen = config.statistics.primary_binarization
    if chosen is not None:
        check_name(chosen, fair, "statistics.primary_binarization")


def _check_numbers_of_draws(statistics: Statistics) -> None:
    """Refuse numbers of draws that are too small for the level of significance."""
    alpha = statistics.alpha
    # The bounds of an interval are draws, each with alpha / 2 of all draws outside.
    for key, least, why in (
        ("replicates", math.ceil(2 / alpha), f"an interval with alpha {alpha:g}"),
        ("permutations", math.floor(1 / alpha), f"a p below alpha {alpha:g}"),
    ):
        if getattr(statistics, key) < least:
            raise InputError(
                f"{getattr(statistics, key)} is too small for {why}",
                field=f"statistics.{key}",
                remedy=f"Use at least {least}",
            )


def _has_several_classes(dataset: Dataset) -> bool:
    several = getattr(dataset, "task", None) == "multilabel"
    return several or getattr(reader(dataset.source), "multilabel", False)


def _check_boxes(config: Config) -> None:
    """Refuse protocols for boxes if no data set has boxes to score."""
    asked = [name for name in config.protocols if name in get_args(BoxProtocol)]
    scored = any(
        entry.annotated_classes and (entry.boxes_from or entry.has_boxes)
        for entry in config.datasets.values()
    )
    if asked and not scored:
        raise InputError(
            f"{asked[0]!r} scores boxes, but no data set has boxes to score",
            field="protocols",
            remedy="Set boxes_from of a data set to references or masks, or leave the protocol out",
        )


def _check_titles(config: Config) -> None:
    """Check that all titles within a section are different."""
    for section in TITLED:
        known: dict[str, str] = {}
        for key, entry in getattr(config, section).items():
            if entry.title in known:
                raise InputError(
                    f"{entry.title!r} is also the title of {section}.{known[entry.title]}",
                    field=f"{section}.{key}.title",
                    remedy="Give one of them another title",
                )
            if entry.title is not None:
                known[entry.title] = key
