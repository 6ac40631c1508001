"""The primary metric of each explainer, class by class."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.localization import ALL_CLASSES
from fidelity.metrics.registry import title_of
from fidelity.presentation import titles
from fidelity.presentation.wording import ABSENT
from fidelity.tables.layout import Table, by_explainer, facts_of, interval_cell, lay_out


def class_tables(rows: pd.DataFrame, families: Mapping[str, str], **told: Any) -> list[Table]:
    """Lay out explainers by class: a list with one table; empty if there is only one class.

    Args:
        rows: rows of localization.csv, of the primary result of one classifier.
    """
    rows = rows[rows["class"] != ALL_CLASSES]
    classes = list(rows["class"].unique())
    if len(classes) < 2:
        return []
    cells = [
        [title, *(_cell(own[own["class"] == name]) for name in classes)]
        for (title, _), own in by_explainer(rows, families)
    ]
    first = rows.iloc[0]
    return [
        lay_out(
            "by_class",
            ["Method", *classes],
            cells,
            len(classes),
            metric=title_of(first["metric"]),
            binarization=titles.binarization_title(first["binarization"]),
            **facts_of(rows),
            **told,
        )
    ]


def _cell(rows: pd.DataFrame) -> str:
    """Write the mean with its interval, and the number of cases with a value."""
    if rows.empty:
        return ABSENT
    row = rows.iloc[0]
    return f"{interval_cell(row, row['metric'])} ({int(row['n'] - row['n_undefined'])})"
