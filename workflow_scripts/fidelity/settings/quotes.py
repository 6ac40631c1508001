"""Values and keys that YAML reads as something else than text, for want of quotes."""

import datetime
from collections.abc import Mapping
from typing import Any


def read_as(value: Any) -> str | None:
    """Say how YAML reads a word without quotes; None for text, lists and mappings.

    YAML 1.1 reads Yes, No, On and Off as true and false, and digits as a number.
    """
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, datetime.date):
        return f"the date {value}"
    return None


def quoted(value: Any) -> str:
    """Show how a value is written as text."""
    if isinstance(value, bool):
        return '"Yes"' if value else '"No"'
    return '"null"' if value is None else f'"{value}"'


def lacks_quotes(value: Any, rule: Mapping[str, Any]) -> bool:
    """Say whether a part of the schema asks for text where a value is a word without quotes."""
    types = rule.get("type", ())
    types = [types] if isinstance(types, str) else types
    return "string" in types and read_as(value) is not None
