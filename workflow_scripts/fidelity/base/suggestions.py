"""Suggest what the user may have meant."""

import difflib
from collections.abc import Iterable


def nearest(name: object, known: Iterable[str], count: int = 1, cutoff: float = 0.6) -> list[str]:
    """List the known names whose similarity to a given one, from 0 to 1, is at least `cutoff`."""
    by_folded = {one.casefold(): one for one in map(str, known)}
    near = difflib.get_close_matches(str(name).casefold(), by_folded, count, cutoff)
    return [by_folded[one] for one in near]


def did_you_mean(names: Iterable[str], otherwise: str) -> str:
    """Ask whether one of some similar names was meant; return `otherwise` if there are none."""
    listed = " or ".join(map(repr, names))
    return f"Did you mean {listed}?" if listed else otherwise


def suggestion(name: object, known: Iterable[str], label: str = "Known") -> str:
    """State the most similar known name, and list the known names.

    Returns:
        A sentence without its full stop: "Did you mean 'x'? Known: x, y".
    """
    known = list(map(str, known))
    near = did_you_mean(nearest(name, known), "")
    return f"{near} {label}: {', '.join(known) or 'none'}".lstrip()
