"""The classifiers' quality as a table."""

import numpy as np
import pandas as pd

from fidelity.summary import keep_test_split
from fidelity.tables.layout import Table, number

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
            values = part.set_index("metric")["value"]
            cells = [_number(metric, values.get(metric, np.nan)) for metric in metrics]
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
        "Measures of class “all” are over all cases; ECE: expected calibration error; "
        "counted over images."
    ]
    title = f"Classification on {datasets}, {splits} split"
    return Table(title, header, rows, len(header) - 2, frozenset(rules - {0}), notes)


def _number(metric: str, value: float) -> str:
    if metric == "support" and not np.isnan(value):
        return str(int(value))
    return number(value)
