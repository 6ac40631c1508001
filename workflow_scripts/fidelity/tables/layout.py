"""A table laid out as text.

No value is set in bold: a "best" would need a test behind it, and those are in comparisons.csv.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fidelity.explainers.registry import FAMILY_ORDER, explains


@dataclass(frozen=True)
class Table:
    """A laid-out table.

    Attributes:
        title: one line.
        header: column titles.
        rows: cells as text, unescaped.
        numeric: number of columns, from the right, that are right-aligned.
        rules_before: indices of rows before which a thin line is drawn.
        notes: sentences under the table.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    numeric: int
    rules_before: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)


def by_family(explainers: Sequence[str], families: Mapping[str, str]) -> list[str]:
    """Order explainers: those that explain, null baselines, ceilings; else as they come."""
    found = {name: families.get(name, "") for name in explainers}
    return sorted(
        explainers, key=lambda n: 0 if explains(found[n]) else FAMILY_ORDER.index(found[n])
    )
