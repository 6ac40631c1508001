"""Summarize the shares of attribution per organ into tables/organs.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.checks.organ_shares import summarize
from fidelity.analysis.columns.organs import ORGAN_SHARES
from fidelity.base.files import read_parquet, write_csv
from fidelity.base.job_log import run_job


def main(
    shares: Sequence[str],
    combos: Sequence[Mapping[str, str]],
    statistics: Mapping[str, Any],
    seed: int,
    output: str,
) -> None:
    """Write the means.

    Args:
        shares: what `organ_shares` wrote.
        combos: dataset, classifier and explainer of each.
    """
    tables = [read_parquet(path, ORGAN_SHARES.names) for path in shares]
    write_csv(summarize(list(zip(combos, tables, strict=True)), statistics, seed), output)


if __name__ == "__main__":
    run_job(main, snakemake)
