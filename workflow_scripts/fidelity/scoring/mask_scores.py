"""Compute one row of scores from a predicted mask and its reference."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fidelity.base.errors import InputError, at_case
from fidelity.base.files import read_csv
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.pixel_frames import ScoringSize, frame_of, reference_in_frame
from fidelity.masks.run_lengths import RLE, decode
from fidelity.metrics.conventions import Protocol
from fidelity.metrics.distance import Spacing
from fidelity.metrics.metric import Metric
from fidelity.metrics.pair import MaskPair
from fidelity.scoring.score_rows import Targets, table_of

TEXTS = ["case", "class", "target_class", "status"]


def read_status(path: str | Path) -> pd.DataFrame:
    """Read masks_status.csv; ids and names are read as text.

    Returns:
        Columns case, class, target_class, status, reason, threshold; one row per explanation.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    text = dict.fromkeys([*TEXTS, "reason"], str)
    how = {"dtype": text, "keep_default_na": False, "na_values": {"threshold": [""]}}
    return read_csv(path, TEXTS, **how)


def score_mask(
    reference: np.ndarray,
    prediction: np.ndarray,
    metrics: Sequence[Metric],
    protocol: Protocol,
    spacing: Spacing | None = None,
) -> dict[str, Any]:
    """Score a predicted mask: empty_prediction, empty_reference and a float (or NaN) per metric.

    Args:
        reference: boolean (H, W).
        prediction: boolean (H, W).
        spacing: (row, column) size of a pixel in mm; None if unknown.
    """
    pair = MaskPair(reference, prediction, spacing)
    return {
        "empty_prediction": pair.prediction.empty,
        "empty_reference": pair.reference.empty,
        **{metric.name: metric.function(pair, protocol) for metric in metrics},
    }


def spacing_pair(spacing: float | Sequence[float] | None) -> Spacing | None:
    """Read the setting `pixel_spacing`; a single number applies to both rows and columns."""
    if spacing is None:
        return None
    row, column = (spacing, spacing) if isinstance(spacing, int | float) else spacing
    return float(row), float(column)


def spacing_in_frame(case: PreparedCase, scoring_size: ScoringSize) -> Spacing | None:
    """Return the (row, column) size in mm of a pixel of the frame; None if it is unknown.

    It differs from the native size, because the working image shows the case's box at another
    resolution.
    """
    if case.spacing is None:
        return None
    y0, x0, y1, x1 = case.box
    top, left, bottom, right = frame_of(case, scoring_size).box
    row, column = case.spacing
    return row * (y1 - y0) / (bottom - top), column * (x1 - x0) / (right - left)


def score_cohort(
    cases: Iterable[PreparedCase],
    masks: Mapping[str, Mapping[str, RLE]],
    status: pd.DataFrame,
    targets: Targets,
    metrics: Sequence[Metric],
    protocol: Protocol,
    scoring_size: ScoringSize,
) -> pd.DataFrame:
    """Score all predicted masks that have a reference.

    Args:
        cases: prepared cases; those without a row in `status` are skipped.
        masks: predicted masks at scoring size; the metrics of a failed mask are NaN.
        status: table with case, class, target_class and status of the binarization.

    Returns:
        The table scores.parquet, sorted by split, case and class. Metrics in mm are left out if no
        case has a spacing.

    Raises:
        InputError: a case has no prediction or no shard, or a mask is missing or does not have the
            size of the frame.
    """
    asked = defaultdict(list)
    spaced = False
    for row in status.to_dict("records"):
        asked[row["case"]].append(row)
    rows = []
    for case in cases:
        for row in asked.pop(case.case, []):
            cls = row["class"]
            if cls not in case.references:
                continue
            spaced = spaced or case.spacing is not None
            with at_case(case.case):
                rle = masks.get(case.case, {}).get(cls)
                if (rle is None) == (row["status"] == "ok"):
                    raise InputError(
                        "the file of masks and the file of their status do not agree",
                        field=f"{case.case}/{cls}",
                        remedy="Delete both files and run again",
                    )
                reference = reference_in_frame(case, cls, scoring_size)
                scores = _scores(case, cls, rle, reference, metrics, protocol, scoring_size)
                about = case, cls, row["target_class"], row["status"]
                rows.append(targets.row_of(*about, reference, scores))
    if asked:
        raise InputError(
            f"{len(asked)} cases with masks are not in any shard",
            field=min(asked),
            remedy="Delete the masks and run again",
        )
    # Without any spacing, metrics in mm are left out: otherwise every case would count as
    # undefined.
    return table_of(rows, [metric.name for metric in metrics if spaced or metric.unit != "mm"])


def _scores(
    case: PreparedCase,
    cls: str,
    rle: RLE | None,
    reference: np.ndarray,
    metrics: Sequence[Metric],
    protocol: Protocol,
    scoring_size: ScoringSize,
) -> dict[str, Any]:
    """Score the mask of one case and class; NaN if there is no mask."""
    if rle is None:
        return {"empty_prediction": False, **{metric.name: math.nan for metric in metrics}}
    prediction = decode(rle)
    if prediction.shape != reference.shape:
        raise InputError(
            f"the predicted mask is {prediction.shape[0]} x {prediction.shape[1]} px, the"
            f" reference {reference.shape[0]} x {reference.shape[1]}",
            field=f"{case.case}/{cls}",
            remedy="Check scoring_size: masks are scored at the size for which they were made",
        )
    spacing = spacing_in_frame(case, scoring_size)
    return score_mask(reference, prediction, metrics, protocol, spacing)
