"""Turn saliency maps into one row of box scores per case and class."""

import math
from collections.abc import Collection, Iterable
from typing import Any, Literal

import numpy as np
import pandas as pd

from fidelity.analysis.columns.boxes import BOX_SCORES, OF_PROTOCOL
from fidelity.analysis.columns.described_table import Table
from fidelity.base.errors import at_case
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.case_maps import order_of_row
from fidelity.maps.pixel_frames import (
    ScoringSize,
    boxes_in_frame,
    frame_of,
    map_in_frame,
    reference_in_frame,
    relevance_in_frame,
)
from fidelity.maps.saliency_map import MapRecord, Sign
from fidelity.masks.boxes import fill_boxes
from fidelity.metrics.boxes import wsol
from fidelity.metrics.boxes.from_maps import BoxRule, boxes_of_map, boxes_of_mask, chestxray8_boxes
from fidelity.metrics.boxes.geometry import box_iobb, box_iou
from fidelity.metrics.boxes.lesions import Hit
from fidelity.metrics.boxes.one_case import BoxCase
from fidelity.scoring.score_rows import Targets

BoxesFrom = Literal["references", "masks"]
OF_CASE = ("iou", "iobb", "corloc", "recall", "energy", "pointing", "pointing_tolerance")
NOTHING = np.empty((0, 4))


def score_boxes(
    explained: Iterable[tuple[PreparedCase, MapRecord]],
    targets: Targets,
    *,
    rule: BoxRule,
    hit: Hit,
    boxes_from: BoxesFrom,
    protocols: Collection[str],
    scoring_size: ScoringSize,
    sign: Sign,
    tolerance: float,
) -> pd.DataFrame:
    """Score the boxes of all maps whose class is annotated with boxes.

    Args:
        protocols: protocols in `OF_PROTOCOL` add columns, from which their scores of a set of
            images are computed.

    Returns:
        The table box_scores.parquet, sorted by split, case and class. Scores are NaN if the map
        failed or if there is no reference box.

    Raises:
        InputError: a case has no prediction.
    """
    more = [name for name in OF_PROTOCOL if name in protocols]
    added = [column for name in more for column in OF_PROTOCOL[name]]
    table = Table(BOX_SCORES.file, (*BOX_SCORES.columns, *added))
    kind = "mask" if boxes_from == "masks" else "box"
    rows = []
    for case, record in explained:
        with at_case(case.case):
            boxes = reference_boxes(case, record.cls, scoring_size, boxes_from)
            if boxes is None:
                continue
            scores: dict[str, Any] = {f"box_{name}": math.nan for name in OF_CASE}
            predicted, of_predicted, found = NOTHING, np.empty(0), 0
            size = frame_of(case, scoring_size).size
            if record.map is not None:
                map01 = map_in_frame(record.map, case, scoring_size, sign)
                relevance = relevance_in_frame(record.map, case, scoring_size, sign)
                predicted, of_predicted = boxes_of_map(map01, rule)
                one = BoxCase(predicted, of_predicted, boxes, map01, relevance, tolerance, hit)
                scores = {f"box_{name}": getattr(one, name) for name in OF_CASE}
                found = one.found
                if len(boxes):
                    for name in more:
                        scores |= EVIDENCE[name](map01, boxes)
            about = case, record.cls, record.target, record.status
            row = targets.row_of(*about, fill_boxes(boxes.tolist(), size), scores)
            rows.append(
                dict.fromkeys(table.names)
                | row
                | {
                    "reference": kind,
                    "empty_reference": not len(boxes),
                    "empty_prediction": record.map is not None and not len(predicted),
                    "n_reference": len(boxes),
                    "n_predicted": len(predicted),
                    "n_found": found,
                    "predicted": np.column_stack([predicted, of_predicted]).ravel(),
                    "reference_boxes": boxes.ravel(),
                }
            )
    rows.sort(key=order_of_row)
    return table.typed(rows)


def reference_boxes(
    case: PreparedCase, cls: str, scoring_size: ScoringSize, boxes_from: BoxesFrom
) -> np.ndarray | None:
    """Return the reference boxes of a source class in the frame: float64 (m, 4), one per lesion.

    Args:
        boxes_from: `references` for the boxes that readers drew; `masks` for the bounding
            rectangles of the 8-connected parts of the reference mask in the frame.

    Returns:
        The boxes; None if the class was not annotated in this way, and no rows if nothing was
        found.
    """
    if boxes_from == "references":
        return boxes_in_frame(case, cls, scoring_size)
    if cls not in case.references:
        return None
    return boxes_of_mask(reference_in_frame(case, cls, scoring_size))


def _of_wsol(map01: np.ndarray, boxes: np.ndarray) -> dict[str, np.ndarray]:
    thresholds = wsol.thresholds_of()
    inside, outside = wsol.pixel_histograms(
        map01, fill_boxes(boxes.tolist(), map01.shape), thresholds
    )
    of_largest, of_all = wsol.ious_at_thresholds(map01, boxes, thresholds)
    return {
        "wsol_iou": of_largest,
        "wsol_iou_v2": of_all,
        "wsol_inside": inside,
        "wsol_outside": outside,
    }


def _of_chestxray8(map01: np.ndarray, boxes: np.ndarray) -> dict[str, np.ndarray]:
    predicted = chestxray8_boxes(map01)
    return {
        "chestxray8_iou": box_iou(predicted, boxes).max(axis=1),
        "chestxray8_iobb": box_iobb(predicted, boxes).max(axis=1),
    }


EVIDENCE = {"wsol": _of_wsol, "chestxray8": _of_chestxray8}
