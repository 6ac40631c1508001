"""Score the predicted masks of one explainer under all protocols.

One job handles all protocols, because starting a job takes longer than scoring its masks.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import cv2

from fidelity.base.files import write_parquet
from fidelity.base.job_log import run_job
from fidelity.datasets.prepared import PreparedCase, cases_in
from fidelity.maps.pixel_frames import ScoringSize
from fidelity.masks.run_lengths import read_masks
from fidelity.metrics.conventions import protocol_for
from fidelity.metrics.registry import select
from fidelity.scoring.mask_scores import read_status, score_cohort, spacing_pair
from fidelity.scoring.score_rows import SCORED, explained_targets


def main(
    masks: str,
    status: str,
    prepared: Sequence[str],
    predictions: str | None,
    classes_json: str,
    metrics: Sequence[str],
    empty: Mapping[str, str],
    surface_tolerance: float,
    scoring_size: ScoringSize,
    outputs: Mapping[str, str],
    pixel_spacing: float | Sequence[float] | None = None,
    left_out: str = "",
) -> None:
    """Write the scores of every predicted mask that has a reference.

    Args:
        outputs: protocol → its scores.parquet.
        pixel_spacing: mm per native pixel, for cases without their own value: a number, [row,
            column] or None.
        left_out: see `explained_cases`.
    """
    cv2.setNumThreads(1)  # Snakemake grants one core.
    targets = explained_targets(classes_json, predictions)
    made, how = read_masks(masks), read_status(status)
    spacing = spacing_pair(pixel_spacing)
    for name, output in outputs.items():
        changes = empty if name == "default" else {}
        protocol = protocol_for(name, changes, surface_tolerance)
        table = score_cohort(
            _cases(prepared, spacing, left_out),
            made,
            how,
            targets,
            select(metrics, protocol),
            protocol,
            scoring_size,
        )
        write_parquet(table, output)
        logging.info(
            "%s: %d scores, %d empty predictions, %d empty references, %d failed",
            name,
            len(table),
            table["empty_prediction"].sum(),
            table["empty_reference"].sum(),
            (table["status"] != "ok").sum(),
        )


def _cases(
    prepared: Sequence[str], spacing: tuple[float, float] | None, left_out: str
) -> Iterator[PreparedCase]:
    for case in cases_in(prepared):
        case = case.against(left_out) if left_out else case
        yield replace(case, spacing=case.spacing or spacing)


if __name__ == "__main__":
    run_job(
        main,
        snakemake,
        keep=True,
        **SCORED,
        outputs=lambda job: dict(zip(job.params.protocols, job.output, strict=True)),
    )
