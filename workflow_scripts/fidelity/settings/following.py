"""`of: <name>`: an explainer that runs another one with whatever settings that has."""

import copy
from collections.abc import Mapping
from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.settings.layers import SWEEP, parts_of


def follow_names(config: dict[str, Any], source: str) -> None:
    """Put the settings of the named explainer in the place of its name.

    Args:
        config: as it was read; changed in place. What is no mapping is left to the schema.
        source: file it came from, for errors.

    Raises:
        InputError: there is no such explainer, it runs another one itself, or sweeps layers, of
            which one can be named as `<name>-depth2`.
    """
    explainers = config.get("explainers")
    if not isinstance(explainers, dict):
        return
    entries = {key: entry for key, entry in explainers.items() if isinstance(entry, dict)}
    known = {key: entry for key, entry in _with_parts(entries).items() if "of" not in entry}
    for key, entry in entries.items():
        name = entry.get("of")
        if not isinstance(name, str) or (name in explainers and name not in entries):
            continue
        if name not in known:
            raise InputError(
                f"{name!r} {_why_not(name, entries)}",
                file=source,
                field=f"explainers.{key}.of",
                remedy=suggestion(name, list(known), "Known"),
            )
        entry["of"] = copy.deepcopy(known[name])


def _with_parts(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Put the parts of a sweep over layers in its place."""
    found: dict[str, dict[str, Any]] = {}
    for key, entry in entries.items():
        if entry.get("layer") == SWEEP:
            found |= {part: {**entry, "layer": layer} for part, layer in parts_of(key).items()}
        else:
            found[key] = dict(entry)
    return found


def _why_not(name: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    if name not in entries:
        return "is no explainer of this config"
    return "runs another one itself" if "of" in entries[name] else "sweeps all layers: name one"
