"""Average the sanity checks: the table sanity.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.checks.case_means import case_means
from fidelity.analysis.columns.checks import SANITY, SANITY_CHECK
from fidelity.analysis.columns.shared import SIMILARITIES


def summarize(
    parts: Sequence[tuple[Mapping[str, str], pd.DataFrame]], statistics: Mapping[str, Any]
) -> pd.DataFrame:
    """Average the similarities over cases, all classes together.

    Args:
        parts: {dataset, classifier, explainer} and the table of each, from `run_checks.check`.

    Returns:
        The table sanity.csv. `n` counts maps, `n_undefined` those without a value (a map could not
        be computed, or one of the two is constant).
    """
    rows = []
    for head, table in parts:
        for key, part in table.groupby(["split", *SANITY_CHECK], sort=False):
            which = dict(zip(["split", *SANITY_CHECK], key, strict=True))
            for name, numbers in case_means(part, SIMILARITIES, statistics).items():
                rows.append({**head, **which, "similarity": name, **numbers})
    return SANITY.frame(rows)
