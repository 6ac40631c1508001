"""Join the scores and layers of layer sweeps into tables/layers.csv."""

from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.analysis.layer_depth import by_depth
from fidelity.base.files import read_json
from fidelity.base.job_log import run_job

if __name__ == "__main__":
    run_job(
        by_depth,
        snakemake,
        localization=lambda job: LOCALIZATION.read(job.input.localization),
        architectures=lambda job: dict(
            zip(job.params.classifiers, map(read_json, job.input.architectures), strict=True)
        ),
    )
