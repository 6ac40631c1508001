"""`of: <name>`: an explainer that runs another one with whatever settings that has."""

import copy
from typing import Any

from fidelity.errors import InputError
from fidelity.near import suggestion


def follow_names(config: dict[str, Any], source: str) -> None:
    """Put the settings of the named explainer in the place of its name.

    Args:
        config: as it was read; changed in place. What is no mapping is left to the schema.
        source: file it came from, for errors.

    Raises:
        InputError: there is no such explainer, or it runs another one itself.
    """
    explainers = config.get("explainers")
    if not isinstance(explainers, dict):
        return
    for key, entry in explainers.items():
        name = entry.get("of") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        known = [other for other, its in explainers.items() if "of" not in (its or ())]
        if name not in known:
            raise InputError(
                f"{name!r} runs another explainer itself"
                if name in explainers
                else f"there is no explainer {name!r} in this config",
                file=source,
                field=f"explainers.{key}.of",
                remedy=suggestion(name, known, "Known"),
            )
        entry["of"] = copy.deepcopy(explainers[name])
