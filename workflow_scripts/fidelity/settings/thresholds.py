"""Thresholds by class: every class that is scored has one, and no other name is given."""

from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.sources.chexpert.observation_names import canonical
from fidelity.settings.queries import rules_of


def check_thresholds(config: dict[str, Any], source: str) -> None:
    """Check the classes of `fixed` binarizations with a threshold per class.

    Args:
        config: with defaults, its data sets checked. Other names that CheXpert gives its classes
            are replaced in place, as under `annotated_classes`.
        source: the config file, for errors.

    Raises:
        InputError: a name is not an annotated class of any data set, or an annotated class has no
            threshold.
    """
    classes = {
        cls: f"datasets.{key}"
        for key, settings in config["datasets"].items()
        for cls in settings["annotated_classes"]
    }
    chexpert = any(entry["source"] == "chexlocalize" for entry in config["datasets"].values())
    for name in config["binarizations"]:
        for path, rule in rules_of(config, name):
            given = rule.get("threshold")
            if not isinstance(given, dict):
                continue
            field = f"{path}.threshold"
            found: dict[str, float] = {}
            for written, value in given.items():
                if not isinstance(written, str):
                    raise InputError(
                        f"the class {written!r} is not text",
                        file=source,
                        field=field,
                        remedy="Put it in quotes",
                    )
                cls = canonical(written) if chexpert and written not in classes else written
                if cls not in classes:
                    raise InputError(
                        f"{written!r} is not an annotated class",
                        file=source,
                        field=field,
                        remedy=suggestion(written, classes, "Annotated classes"),
                    )
                if cls in found:
                    raise InputError(
                        f"{cls!r} has two thresholds",
                        file=source,
                        field=field,
                        remedy="Give it one",
                    )
                found[cls] = value
            if absent := [cls for cls in classes if cls not in found]:
                raise InputError(
                    f"{absent[0]!r} has no threshold, and {classes[absent[0]]} scores it",
                    file=source,
                    field=field,
                    remedy=f"Add {absent[0]}: 0.5, or another number from 0 to below 1",
                )
            rule["threshold"] = found
