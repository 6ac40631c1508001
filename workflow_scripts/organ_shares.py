"""Measure how the attribution of one explainer's maps is distributed over the organs."""

import cv2

from fidelity.base.job_log import run_job
from fidelity.datasets.prepared_list import listed
from fidelity.maps.case_maps import explained_cases
from fidelity.scoring.organ_shares import organ_shares

if __name__ == "__main__":
    cv2.setNumThreads(1)  # Snakemake grants one core.
    run_job(
        organ_shares,
        snakemake,
        keep=True,
        explained=lambda job: explained_cases(job.input.maps, listed(job.input.prepared)),
    )
