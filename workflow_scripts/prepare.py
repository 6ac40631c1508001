"""Rule prepare: write the working images and masks of one shard."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fidelity.base.files import read_json
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.prepared import write_prepared
from fidelity.settings.datasets import Dataset


def main(
    shard_csv: str | Path,
    raw_dir: str | Path,
    classes_json: str | Path,
    settings: Dataset,
    output: str | Path,
    lung_model: str = "",
    lung: Mapping[str, Any] | None = None,
    planted: Mapping[str, Any] | None = None,
) -> None:
    """Prepare the cases of a shard; refuse a file that has become unusable since it was indexed.

    Args:
        lung_model: output of `fit_lung_model`, if lung masks are predicted; otherwise empty.
        planted: the mark that images of its class get; None for data sets without a planted mark.
        lung: settings for predicted lung masks: `lung_from` (data set that the model was trained
            on), `components` and `compute`.
    """
    cases = read_cases(shard_csv)
    classes = read_json(classes_json)
    attrs = {
        **classes,
        "image_size": settings.image_size,
        "input": settings.input,
        "lung_masks": settings.lung_masks,
    }
    predict = None
    if lung_model:
        # Imported here because it imports torch, which other data sets' shards do not need.
        from fidelity.segmentation.lungs import predictor

        predict = predictor(Path(lung_model), lung["components"], lung["compute"])
        attrs["lung_from"] = lung["lung_from"]
    prepared = prepare_cases(cases, Path(raw_dir) / "data", settings, predict)
    if planted:
        from fidelity.datasets.planted import plant

        prepared = (plant(case, planted) for case in prepared)
    write_prepared(output, prepared, attrs)
    logging.info("%d cases prepared", len(cases))


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, shard_csv="shard", raw_dir="raw", classes_json="classes")
