"""What a config of CheXpert and CheXlocalize must keep to."""

from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.sources.chexpert.observation_names import (
    ALIASES,
    OBSERVATIONS,
    PATHOLOGIES,
    canonical,
)
from fidelity.explainers.registry import method_of


def check_chexpert(key: str, config: dict[str, Any], source: str) -> None:
    """Check one data set, and bring names to the form used here ("Airspace Opacity").

    Args:
        key: of the data set.
        config: with defaults; the data set's class names are changed in place.
        source: the config file, for errors.

    Raises:
        InputError: an unknown class, or something asks for masks where CheXlocalize has none.
    """
    settings, path = config["datasets"][key], f"datasets.{key}"
    settings["annotated_classes"] = [canonical(name) for name in settings["annotated_classes"]]
    settings["labels"] = {canonical(name): to for name, to in settings["labels"].items()}
    for field, known in (("annotated_classes", PATHOLOGIES), ("labels", OBSERVATIONS)):
        for name in settings[field]:
            if name not in known:
                raise InputError(
                    f"CheXpert has no observation {name!r}"
                    if name not in OBSERVATIONS
                    else f"CheXlocalize has no masks of {name!r}",
                    file=source,
                    field=f"{path}.{field}",
                    remedy=suggestion(name, [*known, *ALIASES], "Known"),
                )
    if len(set(settings["annotated_classes"])) < len(settings["annotated_classes"]):
        raise InputError(
            f"{' and '.join(next(iter(ALIASES.items())))} are one class",
            file=source,
            field=f"{path}.annotated_classes",
            remedy="Name it once",
        )
    if "train" in config["explain"]["splits"]:
        raise InputError(
            f"{path} has no reference masks in the training split",
            file=source,
            field="explain.splits",
            remedy="Use val and test",
        )
    for name, entry in config["explainers"].items():
        if method_of(entry["method"]).fitted:
            raise InputError(
                f"learns from the training split's masks, and {path} has none",
                file=source,
                field=f"explainers.{name}",
                remedy="Leave it out",
            )
    for name, entry in config["classifiers"].items():
        if entry["head"] == "one_logit":
            raise InputError(
                f"needs two classes that exclude each other; {path} has several labels per image",
                file=source,
                field=f"classifiers.{name}.head",
                remedy="Leave it out: each class gets an output of its own",
            )
