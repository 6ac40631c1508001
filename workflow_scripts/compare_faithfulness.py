"""Compare the explainers' faithfulness pairwise into tables/faithfulness_comparisons.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from fidelity.analysis.checks.faithfulness_comparisons import compare
from fidelity.analysis.columns.checks import FAITHFULNESS_CASES
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job


def main(
    cases: str, metrics: Sequence[str], statistics: Mapping[str, Any], seed: int, comparisons: str
) -> None:
    """Write the paired comparisons."""
    write_csv(
        compare(FAITHFULNESS_CASES.of_metrics(metrics).read(cases), metrics, statistics, seed),
        comparisons,
    )


if __name__ == "__main__":
    run_job(main, snakemake)
