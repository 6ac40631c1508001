"""Write the table of how often the points of the human benchmark hit the reference."""

from pathlib import Path

from fidelity.analysis.checks.human_benchmark import hit_rates, read_points
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.datasets.mask_files.mask_values import mask_values_of
from fidelity.settings.datasets import Dataset

if __name__ == "__main__":
    run_job(
        hit_rates,
        snakemake,
        cases=lambda job: read_cases(job.input.cases),
        root=lambda job: Path(job.input.raw) / "data",
        points=lambda job: read_points(Path(job.input.raw) / "data" / job.params.points),
        mask_values=lambda job: mask_values_of(Dataset.of_job(job.params.reading)),
    )
