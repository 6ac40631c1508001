"""Read the scores that a figure of several explainers shows."""

from collections.abc import Sequence

import pandas as pd

from fidelity.analysis.localization import keep_test_split
from fidelity.base.errors import InputError
from fidelity.base.files import read_parquet


def read_scores(
    scores: Sequence[str], explainers: Sequence[str], metric: str
) -> dict[str, pd.DataFrame]:
    """Read one score file per explainer: {explainer: its scores}, in the given order.

    Args:
        metric: column that each file must have.

    Raises:
        InputError: the metric was not computed.
    """
    tables = {name: read_parquet(path) for name, path in zip(explainers, scores, strict=True)}
    for path, table in zip(scores, tables.values(), strict=True):
        if metric not in table.columns:
            raise InputError(
                "the scores do not contain this metric",
                file=path,
                field=metric,
                remedy="Add it to scores.metrics",
            )
    return tables


def with_lesion(scores: pd.DataFrame) -> pd.DataFrame:
    """Keep the cases with a non-empty reference in the split that is shown."""
    shown = keep_test_split(scores)
    return shown[~shown["empty_reference"].astype(bool)]
