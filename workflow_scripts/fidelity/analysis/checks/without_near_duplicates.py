"""Recompute the primary result without cases that have a near-duplicate in another split."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.columns.comparisons import COMPARISONS
from fidelity.analysis.columns.localization import COMBO, LOCALIZATION, SCORES
from fidelity.analysis.comparisons import compare
from fidelity.analysis.localization import MEASURED, summarize


def cases_with_twins(pairs: pd.DataFrame) -> set[str]:
    """Name the used cases that have a near-duplicate among the used cases of another split.

    Args:
        pairs: near_duplicates.csv; pairs with an excluded case do not count.
    """
    kept = pairs[pairs["excluded"] != "yes"]
    return {*kept["case"], *kept["twin"]}


def primary_result(
    scores: pd.DataFrame,
    twins: Collection[str],
    statistics: Mapping[str, Any],
    partial: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Average and compare the primary metric without some cases.

    Args:
        scores: of the primary binarization and protocol, as `load_scores` returns them.
        statistics: the config's `statistics`, the primary binarization resolved.

    Returns:
        Rows of localization.csv and of comparisons.csv, for the primary metric only. Both are empty
        if there is no case to leave out, or if none would remain.
    """
    primary = statistics["primary"]
    kept = scores[~scores["case"].isin(list(twins))]
    if kept.empty or not twins:
        return LOCALIZATION.frame(), COMPARISONS.frame()
    kept = kept[[*COMBO, *SCORES.names, MEASURED, primary]].reset_index(drop=True)
    chosen = {**statistics, "compared": [primary]}
    compared = compare(kept, chosen, partial=partial)
    return summarize(kept, statistics), compared
