"""Whether the truth about a data set's classifier can be known at all, by the config alone."""

from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.settings.queries import target_of


def check_known_truth(config: dict[str, Any], source: str) -> None:
    """Check the data sets under `known_truth`.

    Raises:
        InputError: one is no phantom whose planted mark the classifiers could learn and the
            explainers be asked of.
    """
    for name in config["known_truth"]["datasets"]:
        field = "known_truth.datasets"
        if name not in config["datasets"]:
            remedy = suggestion(name, list(config["datasets"]), "Known")
            raise InputError(
                f"{name!r} is no data set of this config", file=source, field=field, remedy=remedy
            )
        if not config["classifiers"]:
            raise InputError(
                "nothing can be known of classifiers, as there are none",
                file=source,
                field=field,
                remedy="Add one under 'classifiers'",
            )
        _check_phantom(name, config["datasets"][name], source)
        _check_cohort(name, config, source)


def _check_phantom(name: str, settings: dict[str, Any], source: str) -> None:
    path = f"datasets.{name}"

    def refuse(key: str, problem: str, remedy: str) -> None:
        raise InputError(
            f"{problem}, and known_truth names this data set",
            file=source,
            field=f"{path}.{key}",
            remedy=remedy,
        )

    if settings["source"] != "phantom":
        refuse("source", f"{settings['source']} has no planted mark", "Name a phantom")
    shortcut = settings["shortcut"]
    if shortcut["class"] is None or shortcut["probability"] == 0:
        refuse("shortcut", "plants no mark", "Give it a class and probability 1")
    if shortcut["class"] not in settings["annotated_classes"]:
        refuse(
            "annotated_classes",
            f"lacks {shortcut['class']}, the mark's class, so it is not explained",
            f"Add {shortcut['class']}",
        )
    if settings["input"] != "full":
        refuse(
            "input", f"{settings['input']} hides the mark, which is outside the lungs", "Use full"
        )


def _check_cohort(name: str, config: dict[str, Any], source: str) -> None:
    if "test" not in config["explain"]["splits"]:
        raise InputError(
            "lacks test, on which known_truth is measured",
            file=source,
            field="explain.splits",
            remedy="Add test",
        )
    settings = config["datasets"][name]
    marked = settings["shortcut"]["class"]
    right = {"reference", "predicted", settings["labels"].get(marked, marked)}
    for explainer in config["explainers"]:
        target = target_of(config, explainer)
        if target not in right:
            raise InputError(
                f"{target!r} is not the class of the mark, which known_truth asks about",
                file=source,
                field="explain.target",
                remedy="Use reference",
            )
