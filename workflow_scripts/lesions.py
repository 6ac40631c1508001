"""Measure number, size, shape, contrast and position of the lesions in the judged split."""

import cv2

from fidelity.base.job_log import run_job
from fidelity.datasets.prepared import cases_in
from fidelity.scoring.lesion_facts import lesion_facts

if __name__ == "__main__":
    cv2.setNumThreads(1)  # Snakemake grants one core.
    run_job(lesion_facts, snakemake, keep=True, cases=lambda job: cases_in(job.input.prepared))
