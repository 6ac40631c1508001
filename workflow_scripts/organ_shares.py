"""Measure in which organs the maps of one explainer lie."""

from collections.abc import Sequence

import cv2

from fidelity.base.files import write_parquet
from fidelity.base.job_log import run_job
from fidelity.datasets.prepared_list import listed
from fidelity.maps.case_maps import explained_cases
from fidelity.maps.pixel_frames import ScoringSize
from fidelity.maps.saliency_map import Sign
from fidelity.scoring.organ_shares import organ_shares


def main(
    maps: Sequence[str],
    prepared: Sequence[str],
    scoring_size: ScoringSize,
    sign: Sign,
    output: str,
) -> None:
    """Write the shares of every map whose case has organ masks.

    Args:
        maps: map files, one per shard.
    """
    cv2.setNumThreads(1)  # Snakemake grants one core.
    table = organ_shares(explained_cases(maps, prepared), scoring_size=scoring_size, sign=sign)
    write_parquet(table, output)


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, prepared=lambda job: listed(job.input.prepared))
