"""Rule prepare: working images and masks of one shard."""

import json
import logging
from pathlib import Path
from typing import Any

from fidelity.datasets.cases import read_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.prepared import write_prepared
from fidelity.joblog import job_log


def main(
    shard_csv: str | Path,
    raw_dir: str | Path,
    classes_json: str | Path,
    settings: dict[str, Any],
    output: str | Path,
) -> None:
    """Prepare the cases of a shard.

    Args:
        shard_csv: case table of the shard.
        raw_dir: what `acquire` made; the data root is its `data`.
        classes_json: classes.json of the data set.
        settings: of the data set.
        output: HDF5 file to write.

    Raises:
        InputError: a file has become unusable since it was indexed.
    """
    cases = read_cases(shard_csv)
    classes = json.loads(Path(classes_json).read_text(encoding="utf-8"))
    attrs = {
        **classes,
        "image_size": settings["image_size"],
        "input": settings.get("input", "full"),
    }
    write_prepared(output, prepare_cases(cases, Path(raw_dir) / "data", settings), attrs)
    logging.info("%d cases prepared", len(cases))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            shard_csv=snakemake.input.shard,
            raw_dir=snakemake.input.raw,
            classes_json=snakemake.input.classes,
            settings=snakemake.params.settings,
            output=snakemake.output[0],
        )
