"""`layer: all`: one explainer per depth of the architecture, named when the config is read."""

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
