"""Score the saliency maps of one explainer without a threshold."""

import logging
from collections.abc import Sequence

import cv2

from fidelity.base.files import write_parquet
from fidelity.base.job_log import run_job
from fidelity.maps.case_maps import explained_cases
from fidelity.maps.pixel_frames import ScoringSize
from fidelity.maps.saliency_map import Sign
from fidelity.metrics.map_registry import RANKING
from fidelity.scoring.map_scores import score_maps
from fidelity.scoring.score_rows import SCORED, explained_targets


def main(
    maps: Sequence[str],
    prepared: Sequence[str],
    predictions: str | None,
    classes_json: str,
    metrics: Sequence[str],
    scoring_size: ScoringSize,
    sign: Sign,
    pointing_tolerance: float,
    output: str,
    left_out: str = "",
) -> None:
    """Write the threshold-free scores of every map that has a reference."""
    cv2.setNumThreads(1)  # Snakemake grants one core.
    table = score_maps(
        explained_cases(maps, prepared, left_out),
        explained_targets(classes_json, predictions),
        [RANKING[name] for name in metrics],
        scoring_size=scoring_size,
        sign=sign,
        tolerance=pointing_tolerance,
    )
    write_parquet(table, output)
    logging.info(
        "%d maps: %d all zero, %d empty references, %d failed",
        len(table),
        table["empty_prediction"].sum(),
        table["empty_reference"].sum(),
        (table["status"] != "ok").sum(),
    )


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, **SCORED)
