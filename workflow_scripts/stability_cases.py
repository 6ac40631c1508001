"""List what the maps of a classifier's explainers report of their own stability."""

from collections.abc import Sequence

from fidelity.analysis.checks.map_stability import stability_cases
from fidelity.base.files import write_parquet
from fidelity.base.job_log import run_job
from fidelity.maps.saliency_map import read_maps


def main(maps: Sequence[str], blocks: Sequence[tuple[str, str]], output: str) -> None:
    """Write one row per map.

    Args:
        maps: map files of explainers that report it.
        blocks: explainer and split of each file.
    """
    found = (
        (explainer, split, read_maps(path))
        for path, (explainer, split) in zip(maps, blocks, strict=True)
    )
    write_parquet(stability_cases(found), output)


if __name__ == "__main__":
    run_job(main, snakemake)
