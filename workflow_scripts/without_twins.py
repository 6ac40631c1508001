"""Compute the primary result without the cases that have a near-duplicate in another split."""

from fidelity.analysis.checks.without_near_duplicates import cases_with_twins, primary_result
from fidelity.analysis.columns.cases import NEAR_DUPLICATES
from fidelity.analysis.localization import scores_of
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(
        primary_result,
        snakemake,
        scores=scores_of,
        twins=lambda job: cases_with_twins(NEAR_DUPLICATES.read(job.input.near_duplicates)),
    )
