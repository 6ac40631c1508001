"""Rank the explainers over patients into tables/ranks.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.localization import load_scores
from fidelity.analysis.ranks import rank
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job


def main(
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    diagnostic: Sequence[str],
    ranks: str,
) -> None:
    """Write mean ranks, Friedman's test and the critical difference.

    Args:
        scores: scores.parquet and ranking.parquet files.
    """
    table = rank(load_scores(scores, combos), statistics, families, diagnostic)
    write_csv(table, ranks)


if __name__ == "__main__":
    run_job(main, snakemake)
