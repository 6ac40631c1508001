"""Summarize how stable the maps are, into tables/stability.csv."""

from fidelity.analysis.checks.map_stability import summarize_stability
from fidelity.analysis.columns.checks import STABILITY_CASES
from fidelity.base.files import read_parquet
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(
        summarize_stability,
        snakemake,
        tables=lambda job: {
            name: read_parquet(path, STABILITY_CASES.names)
            for name, path in zip(job.params.classifiers, job.input.reported, strict=True)
        },
    )
