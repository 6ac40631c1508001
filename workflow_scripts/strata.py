"""Average scores by strata of cases into tables/strata.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.columns.localization import STRATA_CASES
from fidelity.analysis.localization import load_scores
from fidelity.analysis.strata import stratify
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job


def main(
    scores: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    seed: int,
    strata: str,
    told: str = "",
    other_references: Sequence[str] = (),
) -> None:
    """Write the stratified means.

    Args:
        scores: scores.parquet files; those of the primary binarization are enough.
        told: strata_cases.csv; empty where no strata are requested.
        other_references: see `stratify`.
    """
    known = STRATA_CASES.read(told) if told else None
    table = stratify(load_scores(scores, combos), statistics, seed, known, other_references)
    write_csv(table, strata)


if __name__ == "__main__":
    run_job(main, snakemake)
