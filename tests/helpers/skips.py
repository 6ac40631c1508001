"""Which skipped tests a run allows: CI must not pass because tests have quietly stopped running."""

from collections.abc import Iterable


def unexpected(skipped: Iterable[str], listing: str) -> list[str]:
    """Give the skipped tests that a list does not allow.

    Args:
        skipped: names of tests (or of files that skip as a whole), as pytest prints them.
        listing: beginnings of allowed names, one a line; `#` begins a comment.

    Returns:
        The others, sorted.
    """
    lines = (line.strip() for line in listing.splitlines())
    allowed = tuple(line for line in lines if line and not line.startswith("#"))
    return sorted({name for name in skipped if not name.startswith(allowed)})
