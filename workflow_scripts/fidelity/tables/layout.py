"""A table laid out as text.

No value is set in bold: calling a value the best would need a test, and the tests are in
comparisons.csv.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from fidelity.analysis.localization import NO_CLASSIFIER
from fidelity.explainers.registry import FAMILY_ORDER, explains
from fidelity.presentation import titles
from fidelity.presentation.page import paragraphs
from fidelity.presentation.wording import (
    ABSENT,
    class_title,
    classes_title,
    digits_of,
    family_title,
    with_interval,
)

# The sections of the page; their titles and their order are in the templates.
Section = Literal[
    "main", "pairs", "quality", "metrics", "settings", "maps", "boxes", "comparisons", "strata",
    "checks", "cases", "organ_masks",
]  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A laid-out table.

    Attributes:
        rows: cells as text, not escaped.
        numeric: number of columns, from the right, that are right-aligned.
        headings: index of a row → heading of the rows from there on; an empty heading is a thin
            line.
        name: of its file and its label; letters, digits and hyphens.
        classifiers: keys of the classifiers whose explainers it shows.
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


def lay_out(
    text: str,
    header: list[str],
    rows: list[list[str]],
    numeric: int,
    headings: Mapping[int, str] | None = None,
    *,
    section: Section = "checks",
    file: str = "",
    classifiers: Iterable[str] = (),
    **content: Any,
) -> Table:
    """Make a table with title and notes from a template.

    Args:
        text: name of the template in `notes`; its first paragraph is the title.
        file: the table's `name`; see `Table` for the other arguments.
    """
    title, *notes = paragraphs(f"notes/{text}.txt.j2", **content)
    known = frozenset(classifiers)
    return Table(title, header, rows, numeric, headings or {}, notes, section, file, known)


def class_and_classifier(cls: str, classifier: str) -> str:
    """Name class and classifier in the heading of rows."""
    none = classifier == NO_CLASSIFIER
    return f"{class_title(cls)}, {'no classifier' if none else titles.classifier_title(classifier)}"


def facts_of(rows: pd.DataFrame) -> dict[str, Any]:
    """Return what titles name of rows: data set, split and, if present, classes."""
    found = {"dataset": titles.dataset_title(rows["dataset"].iloc[0])}
    found["split"] = rows["split"].iloc[0]
    if "class" in rows.columns:
        found["classes"] = classes_title(rows["class"].unique())
    return found


def place_of(rows: pd.DataFrame) -> str:
    """Write data set, split and classes of rows for a title."""
    found = facts_of(rows)
    return ", ".join([found["dataset"], f"{found['split']} split", *list(found.values())[2:]])


def interval_cell(
    row: Any, metric: str, names: Sequence[str] = ("mean", "ci_low", "ci_high"), *, decide: int = 3
) -> str:
    """Write a value of a row with its interval.

    Args:
        metric: the metric or other quantity, which decides the number of decimals.
        names: columns of the value and of the ends of its interval.
        decide: if the first `decide` of the three would all read as 0, they get more decimals.
    """
    values = [row[name] for name in names]
    return with_interval(*values, digits_of(metric, *values[:decide]))


def conclusion_cell(difference: float, conclusion: str) -> str:
    """Write a conclusion; "–" if there was no difference to test."""
    return ABSENT if math.isnan(difference) else conclusion


def by_explainer(
    rows: pd.DataFrame, families: Mapping[str, str]
) -> Iterator[tuple[list[str], pd.DataFrame]]:
    """Yield title and family of each explainer with its rows, in the order of `by_family`."""
    groups = dict(list(rows.groupby("explainer", sort=False)))
    for name in by_family(list(groups), families):
        yield [titles.explainer_title(name), family_title(name, families)], groups[name]


def by_family(explainers: Sequence[str], families: Mapping[str, str]) -> list[str]:
    """Order explainers by kind: of the classifier, null baselines, ceilings; then as displayed."""
    found = {name: families.get(name, "") for name in explainers}
    return sorted(
        titles.ordered(explainers),
        key=lambda n: 0 if explains(found[n]) else FAMILY_ORDER.index(found[n]),
    )
