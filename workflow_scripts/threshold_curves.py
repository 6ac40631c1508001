"""Average the threshold curves of a classifier's explainers over the cases."""

from fidelity.analysis.threshold_curves import mean_curves
from fidelity.base.files import read_parquet
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(
        mean_curves,
        snakemake,
        curves=lambda job: dict(
            zip(job.params.explainers, map(read_parquet, job.input.curves), strict=True)
        ),
    )
