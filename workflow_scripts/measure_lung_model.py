"""Rule measure_lung_model: compare predicted and provided lung masks on the test split."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fidelity.analysis.columns.classifiers import LUNG_CASES, LUNG_QUALITY
from fidelity.base.files import write_csv
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.datasets.images.images import intensity_of
from fidelity.datasets.mask_files.mask_values import mask_values_of
from fidelity.segmentation import lung_quality, lungs
from fidelity.settings.datasets import Dataset


def main(
    cases: str,
    raw_dir: str,
    model: str,
    dataset: str,
    components: int,
    reading: Dataset,
    statistics: dict[str, Any],
    seed: int,
    compute: dict[str, Any],
    scores: str,
    quality: str,
) -> None:
    """Write one row per test case, and the summary."""
    predict = lungs.predictor(Path(model), components, compute)
    measured = lung_quality.measure(
        read_cases(cases),
        Path(raw_dir) / "data",
        intensity_of(reading),
        predict,
        mask_values_of(reading),
    )
    rows = lung_quality.summary(
        measured, dataset, seed, statistics["replicates"], statistics["alpha"]
    )
    write_csv(LUNG_CASES.frame(map(asdict, measured)), scores)
    write_csv(LUNG_QUALITY.frame(rows), quality)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, raw_dir="raw")
