"""Compare explainers pairwise into tables/comparisons.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.comparisons import compare
from fidelity.analysis.localization import load_scores
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job


def main(
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    seed: int,
    diagnostic: Sequence[str],
    partial: Sequence[str],
    comparisons: str,
) -> None:
    """Write the paired comparisons.

    Args:
        scores: scores.parquet and ranking.parquet files.
    """
    table = compare(load_scores(scores, combos), statistics, seed, diagnostic, partial)
    write_csv(table, comparisons)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
