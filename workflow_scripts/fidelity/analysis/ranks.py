"""Mean ranks of the explainers over patients: the table ranks.csv."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.aligned_scores import MISSING_SHARE, blocks
from fidelity.analysis.columns.comparisons import RANKS
from fidelity.analysis.localization import ON_EMPTY_REFERENCES, direction_of
from fidelity.statistics.ranks import rank_methods


def rank(
    scores: pd.DataFrame,
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    diagnostic: Collection[str] = (),
) -> pd.DataFrame:
    """Rank the explainers of every classifier, null baselines and ceilings included.

    Args:
        families: explainer → perturbation, cam, gradient, null or ceiling.

    Returns:
        The table ranks.csv. Ranks are taken within patients: 1 is best by the metric's direction,
        and ties share a rank. They use the cases on which every explainer has a value; `n_patients`
        counts the units of analysis. An explainer that lacks over 1 % of the cases has no row,
        because it would reduce the cases of all the others to its own. One without any value of a
        metric has an empty rank, and the others are ranked without it.
    """
    rows: list[dict[str, Any]] = []
    for block in blocks(scores[~scores["binarization"].isin(diagnostic)], statistics):
        explainers = [
            name for name, present in block.present.items() if present.mean() >= 1 - MISSING_SHARE
        ]
        if not explainers:
            continue
        stacked = np.stack([block.values[name] for name in explainers])
        defined = ~np.isnan(stacked)
        valued = defined.any(axis=1)
        complete = (defined | ~valued[:, None]).all(axis=0)
        means = np.stack([block.unit_means(np.where(complete, part, np.nan)) for part in stacked])
        for column, metric in enumerate(block.metrics):
            if metric in ON_EMPTY_REFERENCES:
                continue
            ranked = valued[:, column] | ~valued[:, column].any()
            mean_ranks = np.full(len(explainers), np.nan)
            ranking = rank_methods(
                means[ranked][:, :, column].T,
                higher_is_better=direction_of(metric) == "higher",
                alpha=statistics["alpha"],
            )
            mean_ranks[ranked] = ranking.mean_ranks
            for explainer, mean_rank in zip(explainers, mean_ranks, strict=True):
                rows.append(
                    {
                        **block.head,
                        "metric": metric,
                        "explainer": explainer,
                        "explainer_family": families[explainer],
                        "n_patients": ranking.n,
                        "mean_rank": mean_rank,
                        "friedman_statistic": ranking.statistic,
                        "friedman_p": ranking.p_value,
                        "critical_difference": ranking.critical_difference,
                        "reference": block.references,
                    }
                )
    return RANKS.frame(rows)
