"""Questions that rules and checks ask of a loaded config."""

from pathlib import Path
from typing import Any

from fidelity.binarizations.registry import RULES


def expand_classifiers(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give every training seed a classifier of its own.

    Args:
        config: a loaded config.

    Returns:
        Name → settings with `seed` in place of `seeds`; several seeds become <name>-s<seed>. Only
        those of `only_classifiers`, if it names any.
    """
    expanded: dict[str, dict[str, Any]] = {}
    only = config.get("only_classifiers")
    for name, settings in config["classifiers"].items():
        for seed in settings["seeds"]:
            rest = {key: value for key, value in settings.items() if key != "seeds"}
            key = name if len(settings["seeds"]) == 1 else f"{name}-s{seed}"
            if not only or key in only:
                expanded[key] = {**rest, "seed": seed}
    return expanded


def data_root(config: dict[str, Any], dataset: str) -> Path | None:
    """Give the folder of a data set's files; None for a generated one."""
    root = config["datasets"][dataset].get("root")
    return None if root is None else Path(config["data_root"]) / root


def data_origin(config: dict[str, Any], dataset: str) -> Path | None:
    """Give the folder or archive of a data set's files; None if they are made or downloaded."""
    archive = config["datasets"][dataset].get("archive")
    found = data_root(config, dataset)
    return found if found or not archive else Path(config["data_root"]) / archive


def target_of(config: dict[str, Any], explainer: str) -> str:
    """Give the target rule of an explainer: its own under `explain.targets`, else that of all."""
    return config["explain"]["targets"].get(explainer, config["explain"]["target"])


def sees_reference(rule: dict[str, Any]) -> bool:
    """Say whether a binarization looks at the reference mask for any explainer."""
    if rule["method"] == "per_explainer":
        parts = [rule["otherwise"], *rule["explainers"].values()]
        return any(sees_reference(part["binarization"]) for part in parts)
    return RULES[rule["method"]].uses_reference


def own_keys(source: str) -> set[str]:
    """Name the config keys that one source of data sets has and others may not."""
    from fidelity.settings.datasets import Dataset

    # A source may restate a common key with a default of its own; it stays a common key.
    return set(Dataset.kinds()[source].key_names()) - set(Dataset.key_names())
