"""Input ablation: compare explainers between data sets that differ in the classifier's input."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.columns.described_table import names_of
from fidelity.analysis.columns.localization import INPUT_ABLATION, OF_INPUT
from fidelity.analysis.localization import DEFAULT_PROTOCOL, keep_test_split

INPUTS = ["full", "lung_masked", "lung_crop"]
KEY, SHOWN = INPUT_ABLATION.names, names_of(OF_INPUT)


def input_table(
    localization: pd.DataFrame,
    datasets: Mapping[str, Mapping[str, Any]],
    metric: str,
    binarization: str,
) -> pd.DataFrame:
    """Put the results of data sets side by side.

    Args:
        datasets: data set → its settings, which include `source` and `input`.

    Returns:
        The table inputs.csv: one row per source, classifier, explainer and class. Each data set has
        the columns "<data set>: n", "… mean", "… ci_low" and "… ci_high". Data sets are ordered by
        source and then by input (full, lung_masked, lung_crop). Cells are empty for data sets of
        another source. Values are from the test split under the default protocol.
    """
    chosen = localization[
        (localization["metric"] == metric)
        & (localization["binarization"] == binarization)
        & (localization["protocol"] == DEFAULT_PROTOCOL)
    ]
    parts = []
    for name in ordered(datasets):
        part = keep_test_split(chosen[chosen["dataset"] == name])
        part = part.assign(source=datasets[name]["source"])
        renamed = {column: f"{name}: {column}" for column in SHOWN}
        parts.append(part.set_index(KEY)[SHOWN].rename(columns=renamed))
    if not parts:
        return pd.DataFrame(columns=KEY)
    # Keep rows in the order in which they first appear.
    index = parts[0].index
    for part in parts[1:]:
        index = index.append(part.index.difference(index, sort=False))
    table = pd.concat([part.reindex(index) for part in parts], axis=1)
    return table.reset_index()


def ordered(datasets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Order data sets by source (in the given order), then by input."""
    sources = list(dict.fromkeys(settings["source"] for settings in datasets.values()))

    def place(name: str) -> tuple[int, int]:
        settings = datasets[name]
        known = settings["input"] in INPUTS
        return (
            sources.index(settings["source"]),
            INPUTS.index(settings["input"]) if known else len(INPUTS),
        )

    return sorted(datasets, key=place)
