"""From saliency maps to one row of threshold-free scores per case and class."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.localization import SCORES
from fidelity.base.errors import InputError
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.case_maps import order_of
from fidelity.maps.pixel_frames import (
    ScoringSize,
    lung_in_frame,
    map_in_frame,
    reference_in_frame,
    relevance_in_frame,
)
from fidelity.maps.saliency_map import MapRecord, Sign
from fidelity.metrics.map_metrics import MapPair
from fidelity.metrics.map_registry import RankingMetric
from fidelity.scoring.mask_scores import UNKNOWN, Verdict


def score_maps(
    explained: Iterable[tuple[PreparedCase, MapRecord]],
    said: Mapping[tuple[str, str], Verdict] | None,
    labels: Mapping[str, str],
    metrics: Sequence[RankingMetric],
    *,
    scoring_size: ScoringSize,
    sign: Sign,
    tolerance: float,
) -> pd.DataFrame:
    """Score all maps that have a reference.

    Args:
        explained: cases and their maps.
        said: verdicts of the classifier; None where no classifier took part.
        labels: source class to model class, to name the target where no classifier took part.
        metrics: to be computed; what they share is computed once.
        scoring_size: frame of the comparison.
        sign: part of the map that counts.
        tolerance: of the pointing game with tolerance, in pixels of the frame.

    Returns:
        The table ranking.parquet: columns as in scores.parquet, `empty_prediction` telling maps
        that are all zero, then one per metric; NaN where undefined or failed. Sorted by split, case
        and class.

    Raises:
        InputError: a case has no prediction.
    """
    rows = []
    for case, record in explained:
        if record.cls not in case.references:
            continue
        target = record.target or labels.get(record.cls) or record.cls
        if said is not None and (case.case, target) not in said:
            raise InputError(
                f"there is no prediction of {target!r}",
                field=case.case,
                remedy="Delete the predictions and run again",
            )
        verdict = UNKNOWN if said is None else said[case.case, target]
        reference = reference_in_frame(case, record.cls, scoring_size)
        scores: dict[str, Any] = {metric.name: math.nan for metric in metrics}
        zero = False
        if record.map is not None:
            map01 = map_in_frame(record.map, case, scoring_size, sign)
            relevance = relevance_in_frame(record.map, case, scoring_size, sign)
            lung = lung_in_frame(case, scoring_size)
            pair = MapPair(map01, reference, lung, tolerance, relevance)
            scores = {metric.name: metric.function(pair) for metric in metrics}
            zero = pair.zero
        rows.append(
            {
                "case": case.case,
                "patient": case.patient,
                "split": case.split,
                "class": record.cls,
                "target_class": target,
                "target_is_predicted": verdict.target_is_predicted,
                "probability": verdict.probability,
                "correct": verdict.correct,
                "status": record.status,
                "empty_prediction": zero,
                "empty_reference": not reference.any(),
                "reference_area": int(np.count_nonzero(reference)),
                "image_area": reference.size,
                **scores,
            }
        )
    rows.sort(key=lambda row: order_of(row["split"], row["case"], row["class"]))
    return SCORES.with_metrics(metric.name for metric in metrics).typed(rows)
