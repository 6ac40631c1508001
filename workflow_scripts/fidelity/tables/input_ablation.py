"""Tables of the input ablation: data sets that differ in the classifier's input, side by side."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from fidelity.analysis.input_ablation import ordered
from fidelity.metrics.registry import title_of
from fidelity.presentation import titles
from fidelity.presentation.wording import ABSENT
from fidelity.tables.layout import Table, class_and_classifier, interval_cell, lay_out
from fidelity.tables.results import Qualities
from fidelity.verdict.chance_words import withheld


def input_tables(
    inputs: pd.DataFrame,
    datasets: Mapping[str, Mapping[str, Any]],
    quality: Qualities = MappingProxyType({}),
) -> list[Table]:
    """Lay out the input ablation: one table per source with several data sets, one column each.

    Args:
        quality: (dataset, classifier) → its quality: classifiers without a conclusion are named.
    """
    tables = []
    for source, part in inputs.groupby("source", sort=False):
        names = [name for name in ordered(datasets) if datasets[name]["source"] == source]
        if len(names) < 2:
            continue
        rows: list[list[str]] = []
        headings: dict[int, str] = {}
        for (name, classifier), block in part.groupby(["class", "classifier"], sort=False):
            headings[len(rows)] = class_and_classifier(name, classifier)
            rows += [
                [titles.explainer_title(row["explainer"]), *(_cell(row, key) for key in names)]
                for row in block.to_dict("records")
            ]
        first = part.iloc[0]
        header = ["Method"]
        header += [f"{titles.dataset_title(key)} (input {datasets[key]['input']})" for key in names]
        shown = set(part["classifier"])
        table = lay_out(
            "inputs",
            header,
            rows,
            len(names),
            headings,
            metric=title_of(first["metric"]),
            source=source,
            binarization=titles.binarization_title(first["binarization"]),
            withheld=[
                (titles.dataset_title(dataset), withheld(classifier, rated))
                for (dataset, classifier), rated in quality.items()
                if dataset in names and classifier in shown and not rated.concludes
            ],
        )
        tables.append(table)
    return tables


def _cell(row: Mapping[str, Any], name: str) -> str:
    ends = [f"{name}: {column}" for column in ("mean", "ci_low", "ci_high")]
    return ABSENT if pd.isna(row[ends[0]]) else interval_cell(row, row["metric"], ends)
