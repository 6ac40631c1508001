"""Questions that rules and checks ask of a loaded config."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from fidelity.binarizations.registry import RULES
from fidelity.explainers.registry import method_of


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


def combinations_of(
    explainers: Mapping[str, Mapping[str, Any]], classifiers: Collection[str]
) -> list[tuple[str, str]]:
    """List (classifier, explainer); explainers without one stand under `none`.

    Args:
        explainers: of the config.
        classifiers: names, training seeds expanded.
    """
    return [
        (classifier, name)
        for name, entry in explainers.items()
        for classifier in (
            classifiers if method_of(entry["method"]).needs_classifier else ("none",)
        )
    ]


def data_root(config: dict[str, Any], dataset: str) -> Path | None:
    """Give the folder of a data set's files; None for a generated one."""
    root = config["datasets"][dataset].get("root")
    return None if root is None else Path(config["data_root"]) / root


def data_origin(config: dict[str, Any], dataset: str) -> Path | None:
    """Give the folder or archive of a data set's files; None if they are made or downloaded."""
    archive = config["datasets"][dataset].get("archive")
    found = data_root(config, dataset)
    return found if found or not archive else Path(config["data_root"]) / archive


def base_names(config: dict[str, Any]) -> dict[str, str]:
    """Give each classifier, training seeds expanded, its key in the config."""
    return {
        expanded: name
        for name, entry in config["classifiers"].items()
        for expanded in expand_classifiers({**config, "classifiers": {name: entry}})
    }


def repeated(config: dict[str, Any]) -> dict[str, list[str]]:
    """Name the classifiers trained with several seeds: {key in the config: its trainings}."""
    found: dict[str, list[str]] = {}
    trained = expand_classifiers(config)
    for name, base in base_names(config).items():
        if trained[name]["training"] is not None:
            found.setdefault(base, []).append(name)
    return {base: names for base, names in found.items() if len(names) > 1}


def explainer_for(entry: dict[str, Any], classifier: str) -> dict[str, Any]:
    """Give an explainer's settings for one classifier.

    Args:
        entry: of `explainers`; its `layer` may be a mapping from classifier to layer.
        classifier: a key of `classifiers`.

    Returns:
        The entry with one layer: the classifier's own, else `auto`.
    """
    entry = dict(entry)
    if isinstance(entry.get("layer"), dict):
        entry["layer"] = entry["layer"].get(classifier, "auto")
    if "of" in entry:
        entry["of"] = explainer_for(entry["of"], classifier)
    return entry


def judged_split(config: dict[str, Any]) -> str:
    """Name the split whose maps faithfulness and sanity look at: test, else val, else train."""
    splits = config["explain"]["splits"]
    return next(split for split in ("test", "val", "train") if split in splits)


def target_of(config: dict[str, Any], explainer: str) -> str:
    """Give the target rule of an explainer: its own under `explain.targets`, else that of all."""
    return config["explain"]["targets"].get(explainer, config["explain"]["target"])


def confounded(config: dict[str, Any]) -> dict[str, str]:
    """Say where explainers of one config are not treated alike.

    Args:
        config: a loaded config.

    Returns:
        Explainer or binarization → what is different about it, as a predicate.
    """
    common = config["explain"]["target"]
    found = {
        name: f"explains the class by the rule {own!r}, the others by {common!r}"
        for name, own in config["explain"]["targets"].items()
        if own != common
    }
    return found | {
        name: "has a rule and a post-processing by explainer"
        for name, rule in config["binarizations"].items()
        if rule["method"] == "per_explainer"
    }


def rule_for(config: dict[str, Any], binarization: str, explainer: str) -> dict[str, Any]:
    """Give the rule and post-processing by which one explainer's maps become masks.

    Args:
        config: a loaded config.
        binarization: a key of `binarizations`.
        explainer: a key of `explainers`.

    Returns:
        `binarization` (an entry that is no `per_explainer`) and `postprocess`.
    """
    entry = config["binarizations"][binarization]
    if entry["method"] != "per_explainer":
        return {"binarization": entry, "postprocess": config["postprocess"]}
    found = entry["explainers"].get(explainer, entry["otherwise"])
    return {"postprocess": config["postprocess"], **found}


def all_explainers(config: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """List every explainer with its path, those that another one runs (`of`) right after it."""
    found = []
    for key, entry in config["explainers"].items():
        path, part = f"explainers.{key}", entry
        while part is not None:
            found.append((path, part))
            path, part = f"{path}.of", part.get("of")
    return found


def sees_reference(rule: dict[str, Any]) -> bool:
    """Say whether a binarization looks at the reference mask for any explainer."""
    if rule["method"] == "per_explainer":
        parts = [rule["otherwise"], *rule["explainers"].values()]
        return any(sees_reference(part["binarization"]) for part in parts)
    return RULES[rule["method"]].uses_reference


def rules_of(config: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    """List the simple rules of a binarization with their paths: itself, or those it holds."""
    path, entry = f"binarizations.{name}", config["binarizations"][name]
    if entry["method"] != "per_explainer":
        return [(path, entry)]
    found = [(f"{path}.otherwise", entry["otherwise"]["binarization"])]
    for explainer, rule in entry["explainers"].items():
        found.append((f"{path}.explainers.{explainer}", rule["binarization"]))
    return found


def all_postprocessing(config: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """List every post-processing setting with its path."""
    found = [("postprocess", config["postprocess"])]
    for key, entry in config["binarizations"].items():
        if entry["method"] == "per_explainer":
            parts = {"otherwise": entry["otherwise"]}
            parts |= {f"explainers.{name}": rule for name, rule in entry["explainers"].items()}
            for where, rule in parts.items():
                if "postprocess" in rule:
                    field = f"binarizations.{key}.{where}.postprocess"
                    found.append((field, rule["postprocess"]))
    return found
