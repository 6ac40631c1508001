"""Rule fit_lung_model: train a small U-Net on the lung masks of a data set."""

from pathlib import Path
from typing import Any

from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.datasets.images.images import intensity_of
from fidelity.datasets.mask_files.mask_values import mask_values_of
from fidelity.segmentation import lungs
from fidelity.settings.config import LungModel
from fidelity.settings.datasets import Dataset


def main(
    cases: str,
    raw_dir: str,
    settings: LungModel,
    reading: Dataset,
    seed: int,
    compute: dict[str, Any],
    output: str,
    digest: str = "",
) -> None:
    """Fit the model; refuse a training split without lung masks."""
    lungs.fit(
        read_cases(cases),
        Path(raw_dir) / "data",
        settings,
        intensity_of(reading),
        seed,
        compute,
        Path(output),
        digest,
        mask_values_of(reading),
    )


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, raw_dir="raw")
