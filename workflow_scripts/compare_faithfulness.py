"""Compare the explainers' faithfulness pairwise into tables/faithfulness_comparisons.csv."""

from fidelity.analysis.checks.faithfulness_comparisons import compare
from fidelity.analysis.columns.checks import FAITHFULNESS_CASES
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(
        compare,
        snakemake,
        cases=lambda job: FAITHFULNESS_CASES.of_metrics(job.params.metrics).read(job.input.cases),
    )
