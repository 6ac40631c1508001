"""Compute the primary result without the cases that have a near-duplicate in another split."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.columns.cases import NEAR_DUPLICATES
from fidelity.analysis.localization import load_scores
from fidelity.analysis.without_near_duplicates import cases_with_twins, primary_result
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job


def main(
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    near_duplicates: str,
    statistics: Mapping[str, Any],
    seed: int,
    partial: Sequence[str],
    localization: str,
    comparisons: str,
) -> None:
    """Write the means and the paired comparisons; tables without rows where nothing changes.

    Args:
        scores: scores.parquet of the primary binarization and protocol.
    """
    pairs = NEAR_DUPLICATES.read(near_duplicates)
    twins = cases_with_twins(pairs)
    means, compared = primary_result(load_scores(scores, combos), twins, statistics, seed, partial)
    write_csv(means, localization)
    write_csv(compared, comparisons)


if __name__ == "__main__":
    run_job(main, snakemake)
