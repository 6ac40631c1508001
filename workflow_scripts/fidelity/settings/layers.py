"""`layer: all`: one explainer per depth of the architecture, named when the config is read."""

from collections.abc import Mapping
from typing import Any

from fidelity.base.errors import InputError

# The quarters that `fidelity.classifiers.cam_layers` resolves in the job (a test compares them).
DEPTHS = 4
SWEEP = "all"


def expand_layers(config: dict[str, Any], source: str) -> None:
    """Replace each explainer with `layer: all` by one per depth, `<name>-depth1` to `-depth4`.

    Args:
        config: resolved; changed in place.
        source: file it came from, for errors.

    Raises:
        InputError: a name is taken, or the sweep stands inside another explainer.
    """
    expanded: dict[str, Any] = {}
    for name, entry in config["explainers"].items():
        if (entry.get("of") or {}).get("layer") == SWEEP:
            raise InputError(
                "sweeps layers inside another explainer",
                file=source,
                field=f"explainers.{name}.of.layer",
                remedy="Name one layer, auto, or depth-1 to depth-4",
            )
        if entry.get("layer") != SWEEP:
            expanded[name] = entry
            continue
        for key, layer in parts_of(name).items():
            if key in config["explainers"]:
                raise InputError(
                    f"is also the name of a part of {name!r}, which sweeps all layers",
                    file=source,
                    field=f"explainers.{key}",
                    remedy="Rename one",
                )
            expanded[key] = {**entry, "layer": layer}
    config["explainers"] = expanded


def parts_of(sweep: str) -> dict[str, str]:
    """Name the parts of a sweep, from the earliest layers to the last: {explainer: layer}."""
    return {f"{sweep}-depth{depth}": f"depth-{depth}" for depth in range(1, DEPTHS + 1)}


def layer_sweeps(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Name the sweeps that `expand_layers` made.

    Args:
        config: resolved and expanded.

    Returns:
        {sweep: its explainers from the earliest depth to the last}; a sweep is four explainers
        `<name>-depth1` … that read `depth-1` …, written by hand or not.
    """
    explainers = config["explainers"]
    found = {}
    for name in explainers:
        if not name.endswith("-depth1"):
            continue
        base = name.removesuffix("-depth1")
        parts = parts_of(base)
        if all(explainers.get(key, {}).get("layer") == layer for key, layer in parts.items()):
            found[base] = list(parts)
    return found
