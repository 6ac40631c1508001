"""List the stability values that a classifier's explainers report for each map."""

from fidelity.analysis.checks.map_stability import stability_cases
from fidelity.base.job_log import run_job
from fidelity.maps.saliency_map import read_maps

if __name__ == "__main__":
    run_job(
        stability_cases,
        snakemake,
        blocks=lambda job: (
            (explainer, split, read_maps(path))
            for path, (explainer, split) in zip(job.input.maps, job.params.blocks, strict=True)
        ),
    )
