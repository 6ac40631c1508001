"""Average the threshold curves of a classifier's explainers over the cases."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.threshold_curves import mean_curves
from fidelity.base.files import read_parquet, write_parquet
from fidelity.base.job_log import run_job


def main(
    curves: Sequence[str],
    explainers: Sequence[str],
    statistics: Mapping[str, Any],
    seed: int,
    output: str,
) -> None:
    """Write mean and interval at every threshold."""
    tables = {name: read_parquet(path) for name, path in zip(explainers, curves, strict=True)}
    write_parquet(mean_curves(tables, **statistics, seed=seed), output)


if __name__ == "__main__":
    run_job(main, snakemake)
