"""Summarize how stable the maps are into tables/stability.csv."""

from collections.abc import Mapping, Sequence

from fidelity.files import write_csv
from fidelity.joblog import job_log
from fidelity.maps import read_maps
from fidelity.stability import summarize_stability


def main(maps: Sequence[str], blocks: Sequence[Mapping[str, str]], stability: str) -> None:
    """Write what the maps say of their stability.

    Args:
        maps: map files of explainers that report it.
        blocks: dataset, split, classifier and explainer of each file.
        stability: the CSV to write; only its header where there are no maps.
    """
    pairs = zip(blocks, map(read_maps, maps), strict=True)
    write_csv(summarize_stability(pairs), stability)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            maps=snakemake.input.maps,
            blocks=snakemake.params.blocks,
            stability=snakemake.output.stability,
        )
