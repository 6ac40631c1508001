"""Compare the maps of one explainer between the training seeds of one classifier."""

from collections.abc import Sequence

from fidelity.analysis.checks.map_repeatability import compare_seeds
from fidelity.base.files import write_parquet
from fidelity.base.job_log import run_job
from fidelity.maps.saliency_map import Sign
from fidelity.masks.run_lengths import read_masks


def main(
    maps: Sequence[str], prepared: Sequence[str], masks: Sequence[str], sign: Sign, output: str
) -> None:
    """Write one row per case.

    Args:
        maps: map files: all shards of the first seed, then those of the next.
        prepared: the prepared shards.
        masks: masks.json of each seed.
        sign: the part of a map that is scored.
    """
    shards = len(prepared)
    per_seed = [maps[start : start + shards] for start in range(0, len(maps), shards)]
    table = compare_seeds(per_seed, prepared, [read_masks(path) for path in masks], sign)
    write_parquet(table, output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True)
