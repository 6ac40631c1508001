"""Guard text in CSV files that a spreadsheet would run as a formula; remove the guard on reading.

A cell may contain any text, such as an id or class of a data set. The guard is an apostrophe, as in
spreadsheets themselves. It can be removed without loss.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_RISKY = re.compile(r"'*[=+\-@\t\r]")


def guard(text: str) -> str:
    """Put an apostrophe before text that starts like a formula or like guarded text."""
    return f"'{text}" if _RISKY.match(text) else text


def unguard(text: str) -> str:
    """Undo `guard`."""
    return text[1:] if text[:1] == "'" and _RISKY.match(text) else text


def escape_formulas(table: "pd.DataFrame") -> "pd.DataFrame":
    """Put an apostrophe before text that a spreadsheet would run as a formula.

    Returns:
        A copy in which no text cell starts with =, +, -, @, tab or carriage return.
    """
    return _each_text(table, guard)


def restore_formulas(table: "pd.DataFrame") -> "pd.DataFrame":
    """Undo `escape_formulas`."""
    return _each_text(table, unguard)


def _each_text(table: "pd.DataFrame", change: Callable[[str], str]) -> "pd.DataFrame":
    import pandas as pd

    table = table.copy()
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = [change(c) if isinstance(c, str) else c for c in table[name]]
    return table
