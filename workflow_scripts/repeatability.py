"""Compare the maps of one explainer across the training seeds of one classifier."""

import numpy as np

from fidelity.analysis.checks.map_repeatability import compare_seeds
from fidelity.base.job_log import run_job
from fidelity.masks.run_lengths import read_masks

if __name__ == "__main__":
    run_job(
        compare_seeds,
        snakemake,
        keep=True,
        # One row of shards per training seed.
        maps=lambda job: np.reshape(job.input.maps, (-1, len(job.input.prepared))).tolist(),
        masks=lambda job: list(map(read_masks, job.input.masks)),
    )
