"""A table laid out as text.

No value is set in bold: a "best" would need a test behind it, and those are in comparisons.csv.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fidelity.explainers.registry import FAMILY_ORDER, explains
from fidelity.presentation import titles
from fidelity.presentation.page import paragraphs

# The parts of the page; their titles and their order are in the templates.
Section = Literal[
    "main", "pairs", "quality", "metrics", "settings", "maps", "boxes", "comparisons", "strata",
    "checks", "cases",
]  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A laid-out table.

    Attributes:
        title: one line.
        header: column titles.
        rows: cells as text, unescaped.
        numeric: number of columns, from the right, that are right-aligned.
        headings: index of a row → heading of the rows from there on; an empty one is a thin line.
        notes: sentences under the table.
        section: part of the page that it is in.
        name: of its file and its label; letters, digits and hyphens.
        classifiers: keys of those whose explainers it shows.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    numeric: int
    headings: Mapping[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    section: Section = "checks"
    name: str = ""
    classifiers: frozenset[str] = frozenset()


def described(text: str, **content: Any) -> tuple[str, list[str]]:
    """Fill in the title and the notes of a table.

    Args:
        text: name of the template in `notes`; its first paragraph is the title.
        **content: what the template uses.
    """
    title, *notes = paragraphs(f"notes/{text}.txt.j2", **content)
    return title, notes


def by_family(explainers: Sequence[str], families: Mapping[str, str]) -> list[str]:
    """Order explainers: those that explain, null baselines, ceilings; else as they are shown."""
    found = {name: families.get(name, "") for name in explainers}
    return sorted(
        titles.ordered(explainers),
        key=lambda n: 0 if explains(found[n]) else FAMILY_ORDER.index(found[n]),
    )
