"""Summarize which explainers find the planted mark, into tables/known_truth.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.checks.known_truth import check_known, summarize
from fidelity.base.files import read_csv, read_parquet
from fidelity.base.job_log import run_job


def main(
    scores: Sequence[str],
    accuracies: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    classifiers: Sequence[str],
    accuracy: float,
    level: float,
    families: Mapping[str, str],
    statistics: Mapping[str, Any],
) -> pd.DataFrame:
    """Return the table; refuse a classifier that does not depend on the mark."""
    found = {
        name: read_csv(path).iloc[0].to_dict()
        for name, path in zip(classifiers, accuracies, strict=True)
    }
    check_known(found, accuracy, level, combos[0]["dataset"])
    parts = list(zip(combos, map(read_parquet, scores), strict=True))
    return summarize(parts, found, families, statistics)


if __name__ == "__main__":
    run_job(main, snakemake)
