"""Data as JavaScript files: a page that is opened from a disk may read no others.

A file is a row of calls `explorer.receive("name", …)` whose arguments are JSON. So text from case
ids, labels and paths is only ever the value of a string.
"""

import json
from typing import Any


def call(name: str, *arguments: Any) -> str:
    """Write one call.

    Args:
        *arguments: plain values; numbers may be NaN or infinite, which JavaScript can read.

    Returns:
        One line, ASCII alone. No "<" is in it, so that it could not end a script element either.
    """
    written = ", ".join(json.dumps(value, separators=(",", ":")) for value in (name, *arguments))
    return f"explorer.receive({written});\n".replace("<", "\\u003c")
