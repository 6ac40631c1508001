"""`~` for the home folder, in whichever setting a path is."""

import os
import re
from typing import Any

_HOME = re.compile(r"~[^/\\]*([/\\]|$)")


def expand_home(value: Any) -> Any:
    """Put the home folder in the place of a leading `~` or `~user`, in all texts of a config.

    Args:
        value: a config or a part of it; what is not text, list or mapping is returned as it is.

    Returns:
        A copy. Keys stay, as does a text whose user the system does not know.
    """
    if isinstance(value, dict):
        return {key: expand_home(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expand_home(item) for item in value]
    if isinstance(value, str) and _HOME.match(value):
        return os.path.expanduser(value)
    return value
