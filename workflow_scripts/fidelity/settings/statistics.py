"""Which metrics and binarizations statistics may be asked of."""

from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.registry import reader
from fidelity.settings.queries import sees_reference
from fidelity.settings.schema import schema


def check_statistics(config: dict[str, Any], source: str) -> None:
    """Check the names under `statistics`, and choose the primary binarization if none is named."""
    scores = schema()["properties"]["scores"]["properties"]
    known = [*scores["metrics"]["items"]["enum"], *scores["ranking"]["items"]["enum"]]
    for name in config["statistics"]["compared"]:
        if name not in known:
            raise InputError(
                f"{name!r} is no metric",
                file=source,
                field="statistics.compared",
                remedy=suggestion(name, known, "Known"),
            )
    _check_primary(config, source)
    _check_least_accuracy(config, source)
    fair = [key for key, rule in config["binarizations"].items() if not sees_reference(rule)]
    if not fair:
        raise InputError(
            "all see the reference mask, so nothing can be compared",
            file=source,
            field="binarizations",
            remedy="Add one that does not, such as tuned or fixed",
        )
    check_choice(config, "statistics", "primary_binarization", fair, source)
    if config["statistics"]["primary_binarization"] is None:
        tuned = [key for key in fair if config["binarizations"][key]["method"] == "tuned"]
        config["statistics"]["primary_binarization"] = (tuned or fair)[0]


def _check_primary(config: dict[str, Any], source: str) -> None:
    """Check that the primary metric is a score of every case that is compared."""
    primary = config["statistics"]["primary"]
    comparable = [
        name
        for name in config["scores"]["metrics"]
        if name != "false_positive_share" and not name.endswith("_nan")
    ]
    if primary.endswith("_nan"):
        raise InputError(
            f"{primary!r} leaves empty predictions out, which rewards predicting nothing",
            file=source,
            field="statistics.primary",
            remedy=f"Use {primary.removesuffix('_nan')!r}",
        )
    check_choice(config, "statistics", "primary", comparable, source)
    if not primary.endswith("_mm"):
        return
    for key, settings in config["datasets"].items():
        if settings["source"] != "table" and settings["pixel_spacing"] is None:
            raise InputError(
                f"{primary!r} needs the pixel spacing, and datasets.{key} has none",
                file=source,
                field="statistics.primary",
                remedy=f"Set datasets.{key}.pixel_spacing, or use "
                f"{primary.removesuffix('_mm')!r} (pixels)",
            )


def _check_least_accuracy(config: dict[str, Any], source: str) -> None:
    """Refuse a least accuracy for images with several classes, whose accuracy is not computed."""
    if config["statistics"]["least_accuracy"] is None:
        return
    for key, settings in config["datasets"].items():
        several = getattr(reader(settings["source"]), "multilabel", False)
        if several or settings.get("task") == "multilabel":
            raise InputError(
                f"an image of datasets.{key} can have several classes, so classifiers have no"
                " accuracy there",
                file=source,
                field="statistics.least_accuracy",
                remedy="Remove it, or run this data set with a config of its own",
            )


def check_choice(config: dict, section: str, key: str, known: Any, source: str) -> None:
    """Check that a setting is one of the names that this config has; None is allowed."""
    value = config[section][key]
    if value is not None and value not in known:
        raise InputError(
            f"{value!r} is not in this config",
            file=source,
            field=f"{section}.{key}",
            remedy=suggestion(value, list(known), "Known"),
        )
