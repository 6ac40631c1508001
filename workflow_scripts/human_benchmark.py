"""Table of how often the human benchmark's points hit the reference."""

from pathlib import Path
from typing import Any

import pandas as pd

from fidelity.analysis.checks.human_benchmark import hit_rates, read_points
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.datasets.mask_files.mask_values import mask_values_of
from fidelity.settings.datasets import Dataset


def main(
    cases: str,
    raw_dir: str,
    points: str,
    dataset: str,
    statistics: dict[str, Any],
    seed: int,
    reading: Dataset,
) -> pd.DataFrame:
    """Give human_benchmark.csv."""
    root = Path(raw_dir) / "data"
    return hit_rates(
        read_cases(cases),
        root,
        read_points(root / points),
        dataset,
        statistics,
        seed,
        mask_values_of(reading),
    )


if __name__ == "__main__":
    run_job(main, snakemake, raw_dir="raw")
