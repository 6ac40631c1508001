"""Remove what must not leave the machine with a result: its location and its user."""

import os
import re
from pathlib import Path
from typing import Any

OUTSIDE = "(a path outside the project)"
_ABSOLUTE = re.compile(r"^(?:/|~|\\\\|[A-Za-z]:[\\/]|file:)")
# An absolute path of at least two parts inside a longer text; not the slashes of URLs or names.
_INSIDE = re.compile(r"(?<![\w.:/)~-])(?:~|[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}[\\/]?")


def without_places(value: Any, project: Path) -> Any:
    """Replace paths that reveal a machine or a user in a JSON-like value.

    Args:
        project: the folder that Snakemake works in; paths below it become relative to it.

    Returns:
        A copy. Paths that are absolute or lead out of the project become `OUTSIDE`. Their last part
        is removed too, because it may be a home folder.
    """
    if isinstance(value, dict):
        return {str(_text(str(k), project)): without_places(v, project) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(item, project) for item in value]
    return _text(value, project) if isinstance(value, str) else value


def _text(text: str, project: Path) -> str:
    if _ABSOLUTE.match(text):
        below = os.path.relpath(text, project) if text.startswith("/") else ".."
        return OUTSIDE if _leaves(below) else below
    if _leaves(os.path.normpath(text)):
        return OUTSIDE
    return _INSIDE.sub(OUTSIDE, text)


def _leaves(path: str) -> bool:
    return Path(path).parts[:1] == ("..",)
