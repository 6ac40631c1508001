"""Rule shard_cases: split the case table into shards."""

import shutil
from pathlib import Path

from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases
from fidelity.datasets.shards import write_shards


def main(
    cases: str | Path, classes: str | Path, counts: dict[str, int], output_dir: str | Path
) -> None:
    """Write `{split}-{nnn}.csv` for every shard, including empty ones, and a copy of classes.json.

    Args:
        classes: classes.json. Later rules read the copy, so a new index with equal classes reruns
            nothing.
    """
    write_shards(read_cases(cases), dict(counts), output_dir)
    shutil.copyfile(classes, Path(output_dir) / Path(classes).name)


if __name__ == "__main__":
    run_job(main, snakemake, output_dir="output")
