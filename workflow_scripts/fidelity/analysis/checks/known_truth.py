"""Show which explainers point at the planted mark, and which at the unused lesion."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.checks.case_means import with_ends
from fidelity.analysis.columns.checks import CLASSIFIER_COLUMNS, KNOWN_TRUTH
from fidelity.analysis.localization import NO_CLASSIFIER, intervals_of
from fidelity.base.errors import InputError
from fidelity.known_truth.dependence import refusal
from fidelity.known_truth.two_truths import TRUTHS

# Column prefix → name of the metric.
SHORT = {"auc": "roc_auc", "hit": "pointing_game", "rank": "relevance_rank"}

Part = tuple[Mapping[str, str], pd.DataFrame]


def check_known(
    found: Mapping[str, Mapping[str, Any]], least: float, level: float, dataset: str
) -> None:
    """Check by the facts from `dependence` that every classifier depends on the mark alone.

    Raises:
        InputError: a classifier does not; the message lists the accuracies of all such classifiers.
    """
    why = {name: refusal(dict(row), least, level) for name, row in found.items()}
    wrong = [f"{name}: {text}" for name, text in why.items() if text is not None]
    if wrong:
        raise InputError(
            "a classifier was not shown to rely only on the mark, so nothing is scored."
            f" {'. '.join(wrong)}",
            field=f"known_truth.datasets: {dataset}",
            remedy="Train for more epochs. For a phantom with a shortcut, set contrast: 0,"
            " shortcut.probability: 1 and shortcut.distractor: 0. Or remove the data set"
            " from known_truth.datasets",
        )


def summarize(
    parts: Sequence[Part],
    found: Mapping[str, Mapping[str, Any]],
    families: Mapping[str, str],
    statistics: Mapping[str, Any],
) -> pd.DataFrame:
    """Average the scores against mark and lesion over cases.

    Args:
        parts: {dataset, classifier, explainer} and the scores from `score_truths`, per classifier
            and explainer.
        found: classifier → its facts, from `dependence`.

    Returns:
        The table known_truth.csv, one row per classifier and explainer:

        - `auc_`, `hit_` and `rank_` are means with intervals of pixel ROC-AUC, pointing game and
          relevance rank, against mark and lesion.
        - `auc_difference` is the mean difference within cases, mark minus lesion.
        - `points_at` is `mark` (or `lesion`) if the interval of its AUC lies above .5 and that of
          the difference lies on its side of 0; else `neither`.
        - `nulls_beaten` counts how many of the `nulls` null baselines have a lower AUC against the
          mark on the same cases. The interval of the difference must lie above 0.
    """
    rows = []
    for head, table in parts:
        wide = _wide(table)
        row = {**head, "family": families[head["explainer"]], "n": len(wide)}
        row["n_patients"] = wide["patient"].nunique()
        names = [f"{name}_{truth}" for name in SHORT for truth in TRUTHS]
        wide["auc_difference"] = wide["auc_mark"] - wide["auc_lesion"]
        names.append("auc_difference")
        intervals = intervals_of(wide[names].to_numpy(dtype=float), wide, statistics)
        for name, interval in zip(names, intervals, strict=True):
            row |= with_ends(name, interval)
        beaten, nulls = _nulls(head, wide, parts, families, statistics)
        row |= {"nulls_beaten": beaten, "nulls": nulls, "points_at": _points_at(row)}
        row |= {
            name: found.get(head["classifier"], {}).get(name, np.nan) for name in CLASSIFIER_COLUMNS
        }
        rows.append(row)
    return KNOWN_TRUTH.frame(rows)


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per case with a map, and one column per metric and truth."""
    sides = []
    for truth in TRUTHS:
        side = table[table["truth"] == truth].set_index(["case", "patient"])
        side = side[list(SHORT.values())]
        sides.append(side.set_axis([f"{name}_{truth}" for name in SHORT], axis=1))
    return pd.concat(sides, axis=1).dropna().reset_index()


def _nulls(
    head: Mapping[str, str],
    wide: pd.DataFrame,
    parts: Sequence[Part],
    families: Mapping[str, str],
    statistics: Mapping[str, Any],
) -> tuple[int, int]:
    """Count the null baselines, and those that find the mark less well than an explainer."""
    beaten = nulls = 0
    for other, table in parts:
        if families[other["explainer"]] != "baseline" or other["explainer"] == head["explainer"]:
            continue
        if other["classifier"] not in (head["classifier"], NO_CLASSIFIER):
            continue
        both = wide.merge(_wide(table), on=["case", "patient"], suffixes=("", "_null"))
        margin = (both["auc_mark"] - both["auc_mark_null"]).to_numpy(dtype=float)
        nulls += 1
        beaten += intervals_of(margin, both, statistics)[0].low > 0
    return int(beaten), nulls


def _points_at(row: Mapping[str, float]) -> str:
    if row["auc_mark_low"] > 0.5 and row["auc_difference_low"] > 0:
        return "mark"
    if row["auc_lesion_low"] > 0.5 and row["auc_difference_high"] < 0:
        return "lesion"
    return "neither"
