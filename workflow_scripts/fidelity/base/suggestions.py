"""Suggesting what the user may have meant."""

import difflib
from collections.abc import Iterable


def suggestion(name: object, known: Iterable[str], label: str = "Known") -> str:
    """Say which known name is nearest, and which there are.

    Args:
        name: what was given.
        known: the valid names.
        label: what the list of names is called.

    Returns:
        A sentence without its full stop: "Did you mean 'x'? Known: x, y".
    """
    known = list(map(str, known))
    by_folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(str(name).casefold(), by_folded, n=1)
    listed = f"{label}: {', '.join(known) or 'none'}"
    return f"Did you mean {by_folded[near[0]]!r}? {listed}" if near else listed
