"""Score the predicted masks of one explainer under one protocol."""

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import pandas as pd

from fidelity.datasets.prepared import PreparedCase, PreparedShard
from fidelity.files import atomic_path
from fidelity.joblog import job_log
from fidelity.masks import read_masks
from fidelity.metrics.conventions import protocol_for
from fidelity.metrics.registry import select
from fidelity.scoring import score_cohort, verdicts

TEXT = ("case", "patient", "split", "class", "target_class", "status", "reason")
NUMBERS = ("label", "logit", "probability", "threshold")


def main(
    masks: str,
    status: str,
    prepared: Sequence[str],
    predictions: str | None,
    classes_json: str,
    settings: dict[str, Any],
    output: str,
) -> None:
    """Write the scores of every predicted mask that has a reference.

    Args:
        masks: masks.json.
        status: masks_status.csv.
        prepared: prepared shards, in any order.
        predictions: predictions.csv; None for explainers without a classifier, whose probability is
            NaN and whose correctness is null.
        classes_json: the data set's classes.json.
        settings: `metrics` (names), `protocol`, `empty` (changes to the protocol default),
            `surface_tolerance` (px of the scored image), `scoring_size`.
        output: scores.parquet.
    """
    cv2.setNumThreads(1)  # Snakemake grants one core.
    protocol = protocol_for(settings["protocol"], settings["empty"], settings["surface_tolerance"])
    classes = json.loads(Path(classes_json).read_text(encoding="utf-8"))
    said = None
    if predictions is not None:
        said = verdicts(_read(predictions), classes["task"])
    table = score_cohort(
        _cases(prepared),
        read_masks(masks),
        _read(status),
        said,
        classes["labels"],
        select(settings["metrics"], protocol),
        protocol,
        settings["scoring_size"],
    )
    with atomic_path(output) as temporary:
        table.to_parquet(temporary, index=False)
    logging.info(
        "%d scores: %d empty predictions, %d empty references, %d failed",
        len(table),
        table["empty_prediction"].sum(),
        table["empty_reference"].sum(),
        (table["status"] != "ok").sum(),
    )


def _read(path: str) -> pd.DataFrame:
    """Read a CSV file; ids and names stay text ("007", "NA")."""
    return pd.read_csv(
        path,
        dtype=dict.fromkeys(TEXT, str),
        keep_default_na=False,
        na_values={name: [""] for name in NUMBERS},
    )


def _cases(prepared: Sequence[str]) -> Iterator[PreparedCase]:
    for path in prepared:
        with PreparedShard(path) as shard:
            yield from shard


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            snakemake.input.masks,
            snakemake.input.status,
            list(snakemake.input.prepared),
            snakemake.input.get("predictions") or None,
            snakemake.input.classes,
            snakemake.params.settings,
            snakemake.output[0],
        )
