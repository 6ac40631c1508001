"""Data-set settings side by side as tables."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from fidelity.analysis.input_ablation import ordered
from fidelity.presentation.wording import (
    ABSENT,
    classifier_title,
    digits_of,
    metric_title,
    with_interval,
)
from fidelity.tables.layout import Table
from fidelity.tables.quality import Qualities
from fidelity.verdict.chance_words import withheld


def input_tables(
    inputs: pd.DataFrame,
    datasets: Mapping[str, Mapping[str, Any]],
    quality: Qualities = MappingProxyType({}),
) -> list[Table]:
    """Lay out the input ablation: one table per source, one column per data set.

    Args:
        inputs: inputs.csv.
        datasets: data set → its settings, `source` and `input` among them.
        quality: (dataset, classifier) → its quality: those that allow no conclusion are named.

    Returns:
        The tables.
    """
    tables = []
    for source, part in inputs.groupby("source", sort=False):
        names = [name for name in ordered(datasets) if datasets[name]["source"] == source]
        rows: list[list[str]] = []
        rules: set[int] = set()
        for _, block in part.groupby(["class", "classifier"], sort=False):
            rules.add(len(rows))
            for row in block.to_dict("records"):
                cells = [_cell(row, name) for name in names]
                who = [row["class"], classifier_title(row["classifier"]), row["explainer"]]
                rows.append([*who, *cells])
        first = part.iloc[0]
        header = ["Class", "Classifier", "Explainer"]
        header += [f"{name} (input {datasets[name]['input']})" for name in names]
        title = (
            f"{metric_title(first['metric'])} by what the classifier was shown, source {source}: "
            f"binarization {first['binarization']}"
        )
        notes = [
            "Mean [interval] on the test split, default protocol, as in each data set's own tables "
            "(which say the unit of analysis); n in inputs.csv. Each column has classifiers of its "
            "own, trained on that input; differences between columns are not tested."
        ]
        shown = set(part["classifier"])
        notes += [
            f"{dataset}: {withheld(classifier, rated)}"
            for (dataset, classifier), rated in quality.items()
            if dataset in names and classifier in shown and not rated.concludes
        ]
        tables.append(Table(title, header, rows, len(names), frozenset(rules - {0}), notes))
    return tables


def _cell(row: Mapping[str, Any], name: str) -> str:
    mean, low, high = (row[f"{name}: {column}"] for column in ("mean", "ci_low", "ci_high"))
    return (
        ABSENT
        if pd.isna(mean)
        else with_interval(mean, low, high, digits_of(row["metric"], mean, low, high))
    )
