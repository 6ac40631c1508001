"""Names of readers, and the rules by which several readings become one reference."""

from typing import Any

from fidelity.base.errors import InputError

# Whose masks and boxes have no reader's name, and whose are in the columns `second_mask:<class>`.
FIRST, SECOND = "first", "second"
RULES = ("union", "intersection", "majority", "staple")
# In place of a reader: one of each case's; in tables, what the others agree on, and all readers.
ANY, OTHERS, ALL = "any", "others", "all"
RESERVED = (*RULES, ANY, OTHERS, ALL)
LONGEST = 60


def check_reader(name: str, **where: Any) -> str:
    """Give a reader's name; refuse one that means something else, or that no column could hold.

    Raises:
        InputError: it is reserved, empty, too long, or has a colon; `where` is its file or field.
    """
    if name in RESERVED or not 0 < len(name) <= LONGEST or ":" in name or not name.isprintable():
        raise InputError(
            f"{name!r} cannot be the name of a reader",
            remedy=f"Use at most {LONGEST} characters, no colon, and none of the words"
            f" {', '.join(RESERVED)}",
            **where,
        )
    return name
