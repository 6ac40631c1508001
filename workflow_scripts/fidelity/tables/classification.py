"""The classifiers' quality as a table."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.localization import keep_test_split
from fidelity.presentation.wording import ABSENT, digits_of, value_of, with_interval
from fidelity.tables.layout import Table

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
    "support": "Support",
}


def classification_table(classification: pd.DataFrame) -> Table:
    """Lay out the quality of the classifiers: one row per classifier and class.

    Args:
        classification: classification.csv of one data set.

    Returns:
        The table; "–" where a measure is not one of that class.
    """
    shown = keep_test_split(classification)
    order = list(CLASSIFICATION_TITLES)
    known = [name for name in order if (shown["metric"] == name).any()]
    metrics = known + [name for name in shown["metric"].unique() if name not in known]
    rows: list[list[str]] = []
    rules: set[int] = set()
    for classifier, of_classifier in shown.groupby("classifier", sort=False):
        rules.add(len(rows))
        for name, part in of_classifier.groupby("class", sort=False):
            by_metric = {row["metric"]: row for row in part.to_dict("records")}
            cells = [_cell(by_metric.get(metric)) for metric in metrics]
            rows.append([str(classifier), str(name), str(int(part["n"].max())), *cells])
    datasets = ", ".join(shown["dataset"].unique())
    splits = ", ".join(shown["split"].unique())
    header = [
        "Classifier",
        "Class",
        "n",
        *(CLASSIFICATION_TITLES.get(name, name) for name in metrics),
    ]
    notes = [
        "Measures of class “all” are over all cases; ECE: expected calibration error. Value "
        "[interval]: percentile bootstrap over patients, or over images where "
        "statistics.cluster is `case`; none where fewer than two have what it is about.",
        f"Chance: {', '.join(_chances(shown))}. That of the others depends on how common the "
        "classes are.",
    ]
    title = f"Classification on {datasets}, {splits} split"
    return Table(title, header, rows, len(header) - 2, frozenset(rules - {0}), notes)


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None or np.isnan(row["value"]):
        return ABSENT
    if row["metric"] == "support":
        return str(int(row["value"]))
    return with_interval(row["value"], row["ci_low"], row["ci_high"], digits_of(row["metric"]))


def _chances(shown: pd.DataFrame) -> list[str]:
    """Name the measures whose chance is a fixed number, with it."""
    rows = shown.dropna(subset="chance").drop_duplicates("metric")
    return [
        f"{CLASSIFICATION_TITLES.get(row.metric, row.metric)} {value_of(row.metric, row.chance)}"
        for row in rows.itertuples()
    ]
