"""Summarize the sanity checks into tables/sanity.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.checks.sanity import summarize
from fidelity.base.files import read_parquet, write_csv
from fidelity.base.job_log import run_job


def main(
    checks: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    seed: int,
    output: str,
) -> None:
    """Write the means over cases."""
    parts = [(combo, read_parquet(path)) for combo, path in zip(combos, checks, strict=True)]
    write_csv(summarize(parts, statistics, seed), output)


if __name__ == "__main__":
    run_job(main, snakemake, checks=lambda job: list(job.input))
