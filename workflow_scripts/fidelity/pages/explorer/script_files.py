"""Write data as JavaScript files, because a page opened from a disk may read no other files.

Each line of a file is a call `explorer.receive("name", …)` whose arguments are JSON. So text from
case ids, labels and paths is always inside a string.
"""

import json
from typing import Any


def call(name: str, *arguments: Any) -> str:
    """Write one call: a line of ASCII without "<", so that it cannot end a script element.

    Args:
        *arguments: plain values; numbers may be NaN or infinite, which JavaScript can read.
    """
    written = ", ".join(json.dumps(value, separators=(",", ":")) for value in (name, *arguments))
    return f"explorer.receive({written});\n".replace("<", "\\u003c")
