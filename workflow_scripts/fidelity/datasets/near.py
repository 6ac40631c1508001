"""Suggesting what the user may have meant."""

import difflib
from collections.abc import Iterable


def suggestion(name: str, known: Iterable[str]) -> str:
    """Say which known name is nearest, and which there are.

    Args:
        name: what was given.
        known: the valid names.

    Returns:
        A sentence without its full stop: "Did you mean 'x'? Known: x, y".
    """
    known = list(known)
    by_folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    listed = f"Known: {', '.join(known) or 'none'}"
    return f"Did you mean {by_folded[near[0]]!r}? {listed}" if near else listed
