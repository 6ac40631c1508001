"""Summarize the agreement between training seeds into tables/repeatability.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.checks.map_repeatability import summarize
from fidelity.base.files import read_parquet, write_csv
from fidelity.base.job_log import run_job


def main(
    compared: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    seed: int,
    output: str,
) -> None:
    """Write the means over cases.

    Args:
        compared: the tables per case.
    """
    parts = [(combo, read_parquet(path)) for combo, path in zip(combos, compared, strict=True)]
    write_csv(summarize(parts, statistics, seed), output)


if __name__ == "__main__":
    run_job(main, snakemake, compared=lambda job: list(job.input))
