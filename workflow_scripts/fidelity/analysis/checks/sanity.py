"""Means of the sanity checks: the table sanity.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.checks.case_means import NUMBERS, case_means
from fidelity.metrics.map_similarity import SIMILARITIES

HEAD = ["dataset", "split", "classifier", "explainer"]
WHICH = ["test", "depth", "layer", "parameters_share"]
SANITY = [*HEAD, *WHICH, "similarity", *NUMBERS]


def summarize(
    parts: Sequence[tuple[Mapping[str, str], pd.DataFrame]],
    statistics: Mapping[str, Any],
    seed: int,
) -> pd.DataFrame:
    """Average the similarities over cases, all classes together.

    Args:
        parts: {dataset, classifier, explainer} and the table of each, as `measure.check` gives it.
        statistics: replicates, alpha, cluster.
        seed: the config's seed.

    Returns:
        The table sanity.csv. `n` counts maps, `n_undefined` those without a value (a map could not
        be made, or one of the two is constant).
    """
    rows = []
    for head, table in parts:
        for key, part in table.groupby(["split", *WHICH], sort=False):
            which = dict(zip(["split", *WHICH], key, strict=True))
            for name, numbers in case_means(part, SIMILARITIES, statistics, seed).items():
                rows.append({**head, **which, "similarity": name, **numbers})
    return pd.DataFrame(rows, columns=SANITY)
