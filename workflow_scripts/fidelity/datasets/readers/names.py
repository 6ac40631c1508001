"""Names of readers, and the rules that turn several readings into one reference."""

from typing import Any

from fidelity.base.errors import InputError

# FIRST: masks and boxes without a reader's name. SECOND: those in columns `second_mask:<class>`.
FIRST, SECOND = "first", "second"
RULES = ("union", "intersection", "majority", "staple")
# Used in place of a reader. ANY: one reader of each case. In tables, OTHERS: what the others agree
# on; ALL: all readers.
ANY, OTHERS, ALL = "any", "others", "all"
RESERVED = (*RULES, ANY, OTHERS, ALL)
LONGEST = 60


def check_reader(name: str, **where: Any) -> str:
    """Return a reader's name; refuse names with another meaning, or that no column can contain.

    Raises:
        InputError: the name is reserved, empty, too long, or has a colon; `where` is its file or
            field.
    """
    if name in RESERVED or not 0 < len(name) <= LONGEST or ":" in name or not name.isprintable():
        raise InputError(
            f"{name!r} cannot be the name of a reader",
            remedy=f"Use at most {LONGEST} characters, no colon, and none of the words"
            f" {', '.join(RESERVED)}",
            **where,
        )
    return name
