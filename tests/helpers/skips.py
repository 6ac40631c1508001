"""Which tests a run may skip. CI must not pass because tests silently stopped running."""

from collections.abc import Iterable


def unexpected(skipped: Iterable[str], listing: str) -> list[str]:
    """Return the skipped tests that a list does not allow.

    Args:
        skipped: names of tests (or of whole skipped files), as pytest prints them.
        listing: one prefix of allowed names per line; `#` starts a comment line.

    Returns:
        The skipped tests that are not allowed, sorted.
    """
    lines = (line.strip() for line in listing.splitlines())
    allowed = tuple(line for line in lines if line and not line.startswith("#"))
    return sorted({name for name in skipped if not name.startswith(allowed)})
