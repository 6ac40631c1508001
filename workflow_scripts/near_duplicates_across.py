"""Rule near_duplicates_across: find images that two data sets of the config have in common."""

import logging
from collections import Counter
from collections.abc import Sequence

from fidelity.base.job_log import run_job
from fidelity.datasets.indexing.looks import read_looks, twins_across, write_across


def main(
    looks: Sequence[str], datasets: Sequence[str], distance: int, correlation: float, output: str
) -> None:
    """Write the pairs of near-duplicates between every two data sets.

    Args:
        looks: one file of compact image descriptions per data set, written by `index_cases`.
    """
    found = {name: read_looks(path) for name, path in zip(datasets, looks, strict=True)}
    pairs = list(twins_across(found, distance, correlation))
    for (one, other), count in Counter((p.dataset, p.twin_dataset) for p in pairs).items():
        logging.warning("%d pairs of near-duplicates between %s and %s", count, one, other)
    write_across(output, pairs)


if __name__ == "__main__":
    run_job(main, snakemake)
