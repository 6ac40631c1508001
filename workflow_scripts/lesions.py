"""Measure what the lesions of the judged split are like."""

from collections.abc import Iterator, Sequence

import cv2

from fidelity.base.files import write_parquet
from fidelity.base.job_log import run_job
from fidelity.datasets.prepared import PreparedCase, PreparedShard
from fidelity.scoring.lesion_facts import lesion_facts


def main(prepared: Sequence[str], output: str) -> None:
    """Write one row per case and class.

    Args:
        prepared: prepared shards of the judged split.
    """
    cv2.setNumThreads(1)

    def cases() -> Iterator[PreparedCase]:
        for path in prepared:
            with PreparedShard(path) as shard:
                yield from shard

    write_parquet(lesion_facts(cases()), output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
