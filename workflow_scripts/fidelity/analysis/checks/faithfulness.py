"""Average faithfulness and correlate it with localization: is what looks right also used?"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy

from fidelity.analysis.checks.case_means import case_means
from fidelity.analysis.columns.checks import FAITHFULNESS, SENSITIVITY
from fidelity.analysis.localization import class_groups_of, direction_of, split_class_parts
from fidelity.faithfulness.registry import METRICS

KEY = ["case", "class", "split"]
GIVEN = "its maps are read, not computed: a changed image has none"
# With fewer pairs, no correlation can be shown.
SMALLEST = 4


def join(
    faithfulness: pd.DataFrame,
    scores: pd.DataFrame,
    primary: str,
    sensitivity: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Join each case's localization score to its faithfulness.

    Args:
        faithfulness: the table that `case_rows.measure_maps` returns.
        scores: scores.parquet or ranking.parquet of the same maps.
        primary: the column of `scores` to use; set to NaN where the reference is empty.
        sensitivity: the table that `sensitivity.measure_sensitivity` returns, for some of the
            cases.

    Returns:
        The first table with three more columns: `sensitivity_asked` (whether sensitivity was
        measured for the case), `sensitivity_max` and `primary`.
    """
    if sensitivity is None:
        sensitivity = SENSITIVITY.typed()
    measured = sensitivity[[*KEY, "sensitivity_max"]].astype({"sensitivity_max": "float64"})
    faithfulness = faithfulness.merge(measured.assign(sensitivity_asked=True), on=KEY, how="left")
    faithfulness["sensitivity_asked"] = faithfulness["sensitivity_asked"].eq(True)
    wanted = scores[[*KEY, primary, "empty_reference"]].copy()
    wanted.loc[wanted["empty_reference"].astype(bool), primary] = np.nan
    return faithfulness.merge(wanted.drop(columns="empty_reference"), on=KEY, how="left")


def summarize(
    parts: Sequence[tuple[Mapping[str, str], pd.DataFrame]],
    metrics: Sequence[str],
    primary: str,
    statistics: Mapping[str, Any],
    given: Collection[str] = (),
) -> pd.DataFrame:
    """Average over cases and correlate with localization.

    Args:
        parts: {dataset, classifier, explainer} and the table from `join`, per classifier and
            explainer.
        given: explainers whose maps are imported. They have no sensitivity, as `note` states.

    Returns:
        The table faithfulness.csv. `spearman` is Spearman's rank correlation, over cases, of the
        metric with the localization metric. Signs are turned so that higher is better in both, also
        if localization is a distance. `p_value`
        is scipy's, for no correlation; it is not adjusted and ignores that cases share patients.
        Both are NaN with fewer than four pairs, or if one of the two is constant. Sensitivity is
        averaged over the cases it was measured on.
    """
    rows = []
    groups = class_groups_of(parts)
    for head, table in parts:
        for split, cls, part in split_class_parts(table, groups[head["dataset"]]):
            for name in metrics:
                none = METRICS[name].by == "sensitivity" and head["explainer"] in given
                rows.append(
                    {
                        **head,
                        "split": split,
                        "class": cls,
                        **_summary(part, name, primary, statistics),
                        "note": GIVEN if none else "",
                    }
                )
    return FAITHFULNESS.frame(rows)


def _summary(
    part: pd.DataFrame, name: str, primary: str, statistics: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the columns of one metric, starting at `metric`."""
    if METRICS[name].by == "sensitivity":
        part = part[part["sensitivity_asked"]]
    return {
        "metric": name,
        "direction": METRICS[name].direction,
        **case_means(part, [name], statistics)[name],
        "localization": primary,
        **_correlation(part, name, primary),
    }


def _correlation(part: pd.DataFrame, name: str, primary: str) -> dict[str, float]:
    pairs = part[[name, primary]].dropna().to_numpy(dtype=float)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if len(pairs) < SMALLEST or (pairs == pairs[0]).all(axis=0).any():
        return {"spearman": np.nan, "p_value": np.nan, "n_pairs": len(pairs)}
    ways = METRICS[name].direction, direction_of(primary)
    signs = [1 if way == "higher" else -1 for way in ways]
    found = scipy.stats.spearmanr(*(pairs * signs).T)
    return {
        "spearman": float(found.statistic),
        "p_value": float(found.pvalue),
        "n_pairs": len(pairs),
    }
