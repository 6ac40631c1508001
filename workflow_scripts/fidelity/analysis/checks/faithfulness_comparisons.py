"""Paired comparisons of the explainers' faithfulness: the table faithfulness_comparisons.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.aligned_scores import align, unit_of_analysis
from fidelity.analysis.columns.comparisons import (
    FAITHFULNESS_COMPARISONS,
    HOLM_WITHIN_FAITHFULNESS,
)
from fidelity.analysis.comparisons import adjust, compare_pairs, conclusions
from fidelity.analysis.localization import class_groups
from fidelity.faithfulness.registry import METRICS


def compare(
    cases: pd.DataFrame, metrics: Sequence[str], statistics: Mapping[str, Any]
) -> pd.DataFrame:
    """Compare the faithfulness of every pair of explainers on the cases they share.

    Returns:
        The table faithfulness_comparisons.csv: the tests and columns of `comparisons.compare`,
        with Holm's correction over the pairs of one data set, split, classifier, class and metric.
        `direction` states which values are better. `more_faithful` names the explainer that was
        shown to be more faithful; it is empty if neither was. No margin of equal faithfulness is
        agreed on, so no pair is called equivalent. Pairs without a case in common are left out.
    """
    parts = []
    for (dataset, split), of_split in cases.groupby(["dataset", "split"], sort=False):
        unit = unit_of_analysis(of_split, statistics["cluster"])
        groups = class_groups(of_split)
        for classifier, of_classifier in of_split.groupby("classifier", sort=False):
            for name, members in groups.items():
                rows = of_classifier[of_classifier["class"].isin(members)]
                if rows["explainer"].nunique() < 2:
                    continue
                head = {"dataset": dataset, "split": split, "classifier": classifier, "class": name}
                values = rows[list(metrics)].to_numpy(dtype=float)
                block = align(rows, head, list(metrics), values, statistics["cluster"], unit)
                parts.append(compare_pairs(block, statistics))
    if not parts:
        return FAITHFULNESS_COMPARISONS.frame()
    table = pd.concat(parts, ignore_index=True)
    table = adjust(table[table["n"] > 0].reset_index(drop=True), HOLM_WITHIN_FAITHFULNESS)
    table["direction"] = [METRICS[name].direction for name in table["metric"]]
    table["conclusion"] = conclusions(table, statistics["alpha"])
    high = table["direction"] == "higher"
    table["more_faithful"] = np.select(
        [
            table["conclusion"] == np.where(high, "a_higher", "b_higher"),
            table["conclusion"] == np.where(high, "b_higher", "a_higher"),
        ],
        [table["explainer_a"], table["explainer_b"]],
        "",
    )
    return table[FAITHFULNESS_COMPARISONS.names]
