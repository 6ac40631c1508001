"""Tables of the classifiers' quality."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.localization import ALL_CLASSES, keep_test_split
from fidelity.presentation import titles
from fidelity.presentation.wording import (
    ABSENT,
    class_title,
    listed,
    value_of,
)
from fidelity.tables.layout import Table, interval_cell, lay_out

CLASSIFICATION_TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "auc": "AUC",
    "macro_auc": "Macro-AUC",
    "macro_f1": "Macro-F1",
    "ece": "ECE",
    "subset_accuracy": "All labels right",
    "support": "Support",
}


def classification_tables(classification: pd.DataFrame, interval: str) -> list[Table]:
    """Lay out the quality of the classifiers: over all classes, and by class.

    Args:
        interval: as in "95 % interval".

    Returns:
        Up to two tables; "–" where a measure does not exist for a class.
    """
    shown = keep_test_split(classification)
    over_all = shown["class"] == ALL_CLASSES
    parts = [("all", shown[over_all]), ("by_class", shown[~over_all])]
    return [_table(part, rows, shown, interval) for part, rows in parts if len(rows)]


def _table(part: str, rows: pd.DataFrame, shown: pd.DataFrame, interval: str) -> Table:
    known = [name for name in CLASSIFICATION_TITLES if (rows["metric"] == name).any()]
    metrics = known + [name for name in rows["metric"].unique() if name not in known]
    cells: list[list[str]] = []
    headings: dict[int, str] = {}
    for classifier, of_classifier in rows.groupby("classifier", sort=False):
        if part == "by_class":
            headings[len(cells)] = titles.classifier_title(str(classifier))
        for name, of_class in of_classifier.groupby("class", sort=False):
            by_metric = {row["metric"]: row for row in of_class.to_dict("records")}
            who = (
                titles.classifier_title(str(classifier))
                if part == "all"
                else class_title(str(name))
            )
            n = str(int(of_class["n"].max()))
            cells.append([who, n, *(_cell(by_metric.get(metric)) for metric in metrics)])
    header = ["Classifier" if part == "all" else "Class", "n"]
    header += [CLASSIFICATION_TITLES.get(name, name) for name in metrics]
    return lay_out(
        "classification",
        header,
        cells,
        len(header) - 1,
        headings,
        section="quality" if part == "all" else "checks",
        file="classification" if part == "all" else "classification-by-class",
        classifiers=rows["classifier"],
        part=part,
        interval=interval,
        datasets=listed(map(titles.dataset_title, shown["dataset"].unique())),
        splits=listed(shown["split"].unique()),
        has_ece="ece" in metrics,
        unit="patient" if (rows["n_patients"] < rows["n"]).any() else "image",
        chances=_chances(rows),
    )


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None or np.isnan(row["value"]):
        return ABSENT
    if row["metric"] == "support":
        return str(int(row["value"]))
    return interval_cell(row, row["metric"], ("value", "ci_low", "ci_high"), decide=0)


def _chances(shown: pd.DataFrame) -> list[str]:
    """Name the measures with a fixed chance level, and that level."""
    rows = shown.dropna(subset="chance").drop_duplicates("metric")
    return [
        f"{CLASSIFICATION_TITLES.get(row.metric, row.metric)} {value_of(row.metric, row.chance)}"
        for row in rows.itertuples()
    ]
