"""Summarize faithfulness into tables/faithfulness.csv and join it with localization per case."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.checks.faithfulness import join, summarize
from fidelity.base.files import read_parquet
from fidelity.base.job_log import run_job
from fidelity.faithfulness.registry import names_by


def main(
    faithfulness: Sequence[str],
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    metrics: Sequence[str],
    primary: str,
    statistics: Mapping[str, Any],
    sensitivity: Sequence[str] = (),
    given: Sequence[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the summary table and the table per case.

    Args:
        sensitivity: sensitivity.parquet of each combination whose explainer is not in `given`;
            empty if it is not requested.
    """
    files = iter(sensitivity)
    moved = [
        None if not sensitivity or combo["explainer"] in given else read_parquet(next(files))
        for combo in combos
    ]
    parts = [
        (combo, join(read_parquet(one), read_parquet(other), primary, third))
        for combo, one, other, third in zip(combos, faithfulness, scores, moved, strict=True)
    ]
    unasked = [] if names_by("sensitivity", metrics) else ["sensitivity_asked", "sensitivity_max"]
    joined = [
        table.assign(**combo)[
            [*combo, *(name for name in table.columns if name not in {*combo, *unasked})]
        ]
        for combo, table in parts
    ]
    summary = summarize(parts, metrics, primary, statistics, given)
    return summary, pd.concat(joined)


if __name__ == "__main__":
    run_job(main, snakemake)
