"""Summarize the agreement of readers, and the explainers against each left-out reader."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.readers import agreement, beside_readers
from fidelity.base.files import read_parquet
from fidelity.base.job_log import run_job


def main(
    pairs: str,
    readers: str,
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    dataset: str,
    metric: str,
    statistics: Mapping[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tables/reader_agreement.csv and tables/readers.csv."""
    parts = list(zip(combos, map(read_parquet, scores), strict=True))
    return (
        agreement(read_parquet(pairs), dataset, statistics),
        beside_readers(parts, read_parquet(readers), metric, statistics),
    )


if __name__ == "__main__":
    run_job(main, snakemake)
