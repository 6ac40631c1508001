"""Compare the predicted masks of explainers with each other, case by case."""

from fidelity.analysis.checks.mask_agreement import pair_ious
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.masks.run_lengths import read_masks

if __name__ == "__main__":
    run_job(
        pair_ious,
        snakemake,
        masks=lambda job: dict(
            zip(job.params.explainers, map(read_masks, job.input.masks), strict=True)
        ),
        splits=lambda job: {case.case: case.split for case in read_cases(job.input.cases)},
    )
