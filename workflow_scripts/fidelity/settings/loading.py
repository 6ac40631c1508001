"""Complete a config: resolve names, expand sweeps, and fill in defaults that depend on others."""

import ast
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.plugins import PREFIX, stated_family
from fidelity.base.suggestions import suggestion
from fidelity.classifiers.weights.header import fixed_size, trained_size
from fidelity.explainers.registry import FAMILY_ORDER, PLUGIN
from fidelity.settings.closed_model import checked
from fidelity.settings.config import Config
from fidelity.settings.cross_checks.entries import all_explainers, fair_binarizations
from fidelity.settings.cross_checks.meaning import check_meaning
from fidelity.settings.explainers import Explainer, Plugin
from fidelity.settings.named_files import check_files as check_that_files_exist

# The quarters that `fidelity.classifiers.cam_layers` resolves in the job (a test compares both).
DEPTHS = 4
SWEEP = "all"
USUAL_SIZE = 224
_HOME = re.compile(r"~[^/\\]*([/\\]|$)")


def load_config(raw: Any, *, check_files: bool) -> Config:
    """Load a config as `settings.load` does, but with errors that do not name its file."""
    if not isinstance(raw, dict) or not raw:
        raise InputError("is empty or not a mapping", remedy="Start from config/config.yaml")
    raw = expand_home(raw)
    follow_names(raw)
    config = checked(Config, raw)
    config.explainers = expand_layers(config.explainers)
    fill_image_sizes(config)
    fill_families(config)
    check_meaning(config)
    if config.statistics.primary_binarization is None:
        fair = fair_binarizations(config)
        tuned = [key for key in fair if config.binarizations[key].method == "tuned"]
        config.statistics.primary_binarization = (tuned or fair)[0]
    if check_files:
        check_that_files_exist(config)
    return config


def expand_home(value: Any) -> Any:
    """Replace a leading `~` or `~user` by the home folder in all texts of a config.

    Args:
        value: a config or a part of it. Values other than text, lists and mappings are returned
            unchanged.

    Returns:
        A copy. Keys stay unchanged, and so does a text with an unknown user.
    """
    if isinstance(value, dict):
        return {key: expand_home(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expand_home(item) for item in value]
    if isinstance(value, str) and _HOME.match(value):
        return os.path.expanduser(value)
    return value


def follow_names(config: dict[str, Any]) -> None:
    """Replace the name in `of: <name>` by the settings of the explainer with this name.

    Args:
        config: config as it was read; changed in place. If it is not a mapping, the models report
            it.

    Raises:
        InputError: there is no such explainer, it runs another one itself, or it sweeps layers
            (name one of its parts instead, such as `<name>-depth2`).
    """
    explainers = config.get("explainers")
    if not isinstance(explainers, dict):
        return
    entries = {key: entry for key, entry in explainers.items() if isinstance(entry, dict)}
    known: dict[str, dict[str, Any]] = {}
    for key, entry in entries.items():
        if entry.get("layer") == SWEEP:
            known |= {part: {**entry, "layer": layer} for part, layer in parts_of(key).items()}
        elif "of" not in entry:
            known[key] = entry
    for key, entry in entries.items():
        name = entry.get("of")
        if not isinstance(name, str) or (name in explainers and name not in entries):
            continue
        if name not in known:
            why = "uses all layers, but must use one"
            if name not in entries:
                why = "is not an explainer of this config"
            elif "of" in entries[name]:
                why = "itself runs another explainer"
            raise InputError(
                f"{name!r} {why}", field=f"explainers.{key}.of", remedy=suggestion(name, known)
            )
        entry["of"] = known[name]


def expand_layers(explainers: Mapping[str, Explainer]) -> dict[str, Explainer]:
    """Replace each explainer with `layer: all` by one per depth, `<name>-depth1` to `-depth4`.

    Raises:
        InputError: a name is already used, or the sweep is inside another explainer.
    """
    expanded: dict[str, Explainer] = {}
    for name, entry in explainers.items():
        if getattr(getattr(entry, "of", None), "layer", None) == SWEEP:
            raise InputError(
                "an explainer inside another one cannot use all layers",
                field=f"explainers.{name}.of.layer",
                remedy="Name one layer, auto, or depth-1 to depth-4",
            )
        if getattr(entry, "layer", None) != SWEEP:
            expanded[name] = entry
            continue
        for key, layer in parts_of(name).items():
            if key in explainers:
                raise InputError(
                    f"is also the name of a part of {name!r}, which uses all layers",
                    field=f"explainers.{key}",
                    remedy="Rename one",
                )
            depth = layer.replace("-", " ")
            title = entry.title and f"{entry.title}, {depth}"
            expanded[key] = entry.model_copy(update={"layer": layer, "title": title})
    return expanded


def parts_of(sweep: str) -> dict[str, str]:
    """Return the parts of a sweep, from the earliest layers to the last: {explainer: layer}."""
    return {f"{sweep}-depth{depth}": f"depth-{depth}" for depth in range(1, DEPTHS + 1)}


def fill_image_sizes(config: Config) -> None:
    """Replace `image_size: null` by the size that the weights need, or by 224 px.

    Args:
        config: changed in place. Missing weights files are left to another check.

    Raises:
        InputError: two classifiers need different sizes, or one needs another size than a data set
            sets; the error names both.
    """
    files = {
        name: entry.weights
        for name, entry in config.classifiers.items()
        if entry.weights not in (None, "imagenet") and Path(entry.weights).is_file()
    }
    fixed = {n: size for n, path in files.items() if (size := fixed_size(path)) is not None}
    trained = {size for path in files.values() if (size := trained_size(path)) is not None}
    for key, entry in config.datasets.items():
        for name, size in fixed.items():
            first = next(iter(fixed))
            if size != fixed[first]:
                raise InputError(
                    f"the weights of {first} are for images of {fixed[first]} px, those of {name}"
                    f" for {size} px",
                    field=f"classifiers.{name}.weights",
                    remedy="Use one config for each",
                )
            if entry.image_size not in (None, size):
                raise InputError(
                    f"is {entry.image_size}, and the weights of classifiers.{name} are for images"
                    f" of {size} px",
                    field=f"datasets.{key}.image_size",
                    remedy=f"Write image_size: {size}, or leave it out",
                )
        if entry.image_size is None:
            known = set(fixed.values()) or trained
            entry.image_size = known.pop() if len(known) == 1 else USUAL_SIZE


def fill_families(config: Config) -> None:
    """Fill in the `family` of plugin explainers from their files, without running the files.

    Raises:
        InputError: a file states a family that does not exist.
    """
    open_entries = [
        entry
        for _, entry in all_explainers(config)
        if isinstance(entry, Plugin) and entry.family is None
    ]
    trees = [(path, _parsed(path)) for path in config.plugins] if open_entries else []
    for entry in open_entries:
        function = entry.method.removeprefix(PREFIX)
        entry.family = PLUGIN.family
        for path, tree in trees:
            if not any(getattr(node, "name", None) == function for node in tree.body):
                continue
            family = stated_family(tree)
            if family is not None and family not in FAMILY_ORDER:
                raise InputError(
                    f"{family!r} is not a family of explainers",
                    file=path,
                    field="family",
                    remedy=suggestion(family, FAMILY_ORDER),
                )
            entry.family = family or PLUGIN.family
            break


def _parsed(path: str) -> ast.Module:
    """Parse a plugin; a missing or invalid file gives an empty module and is reported elsewhere."""
    try:
        return ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError):
        return ast.Module([], [])
