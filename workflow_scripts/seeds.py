"""Summarize the spread between training seeds, into tables/seeds.csv."""

from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.analysis.training_seeds import between_seeds
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(
        between_seeds,
        snakemake,
        localization=lambda job: LOCALIZATION.read(job.input.localization),
    )
