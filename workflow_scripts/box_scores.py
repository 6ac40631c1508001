"""Score the boxes of one explainer's maps, case by case."""

import logging
from collections.abc import Sequence

import cv2

from fidelity.base.files import write_parquet
from fidelity.base.job_log import run_job
from fidelity.maps.case_maps import explained_cases
from fidelity.maps.pixel_frames import ScoringSize
from fidelity.maps.saliency_map import Sign
from fidelity.metrics.boxes.from_maps import BoxRule
from fidelity.scoring.box_scores import BoxesFrom, score_boxes
from fidelity.scoring.score_rows import SCORED, explained_targets
from fidelity.settings.statistics import Boxes


def main(
    maps: Sequence[str],
    prepared: Sequence[str],
    predictions: str | None,
    classes_json: str,
    boxes: Boxes,
    boxes_from: BoxesFrom,
    protocols: Sequence[str],
    scoring_size: ScoringSize,
    sign: Sign,
    pointing_tolerance: float,
    output: str,
    left_out: str = "",
) -> None:
    """Write the box scores of every map whose class was annotated with boxes."""
    cv2.setNumThreads(1)  # Snakemake grants one core.
    table = score_boxes(
        explained_cases(maps, prepared, left_out),
        explained_targets(classes_json, predictions),
        rule=BoxRule.of_settings(boxes),
        hit=boxes.hit,
        boxes_from=boxes_from,
        protocols=protocols,
        scoring_size=scoring_size,
        sign=sign,
        tolerance=pointing_tolerance,
    )
    write_parquet(table, output)
    logging.info(
        "%d maps: %d reference boxes, %d without a predicted box, %d failed",
        len(table),
        table["n_reference"].sum(),
        table["empty_prediction"].sum(),
        (table["status"] != "ok").sum(),
    )
    if not len(table):
        logging.warning("no case was annotated with boxes: there are no box scores")


if __name__ == "__main__":
    run_job(main, snakemake, keep=True, **SCORED)
