"""The family of a plugin: what its entry says, else what its file says."""

import ast
from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.base.plugins import PREFIX, stated_family
from fidelity.base.suggestions import suggestion
from fidelity.explainers.registry import FAMILY_ORDER, PLUGIN
from fidelity.settings.queries import all_explainers


def fill_families(config: dict[str, Any], source: str) -> None:
    """Give every plugin explainer without a `family` the one of its file; files are not run.

    Args:
        config: with defaults; changed in place.
        source: the config file, for errors.

    Raises:
        InputError: a file states a family that does not exist.
    """
    open_entries = [
        entry
        for _, entry in all_explainers(config)
        if entry["method"].startswith(PREFIX) and entry["family"] is None
    ]
    trees = [(path, _parsed(path)) for path in config["plugins"]] if open_entries else []
    for entry in open_entries:
        function = entry["method"].removeprefix(PREFIX)
        entry["family"] = PLUGIN.family
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
            entry["family"] = family or PLUGIN.family
            break


def _parsed(path: str) -> ast.Module:
    """Read a plugin; one that is absent or no Python is told of where files are checked."""
    try:
        return ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ast.Module([], [])
