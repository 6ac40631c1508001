"""Average the threshold curves of a classifier's explainers over the cases."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.threshold_curves import mean_curves
from fidelity.base.files import read_parquet
from fidelity.base.job_log import run_job


def main(
    curves: Sequence[str], explainers: Sequence[str], statistics: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the mean and its interval at every threshold."""
    tables = dict(zip(explainers, map(read_parquet, curves), strict=True))
    return mean_curves(tables, **statistics)


if __name__ == "__main__":
    run_job(main, snakemake)
