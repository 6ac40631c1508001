"""Turn saliency maps into one row of threshold-free scores per case and class."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from fidelity.base.errors import at_case
from fidelity.datasets.prepared import PreparedCase
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
from fidelity.scoring.score_rows import Targets, table_of


def score_maps(
    explained: Iterable[tuple[PreparedCase, MapRecord]],
    targets: Targets,
    metrics: Sequence[RankingMetric],
    *,
    scoring_size: ScoringSize,
    sign: Sign,
    tolerance: float,
) -> pd.DataFrame:
    """Score all maps that have a reference.

    Args:
        tolerance: tolerance of the pointing game with tolerance, in pixels of the frame.

    Returns:
        The table ranking.parquet, sorted by split, case and class. It has the columns of
        scores.parquet and one per metric. `empty_prediction` marks maps of zeros. Scores are NaN if
        undefined or if the map failed.

    Raises:
        InputError: a case has no prediction.
    """
    rows = []
    for case, record in explained:
        if record.cls not in case.references:
            continue
        with at_case(case.case):
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
            scores["empty_prediction"] = zero
            about = case, record.cls, record.target, record.status
            rows.append(targets.row_of(*about, reference, scores))
    return table_of(rows, [metric.name for metric in metrics])
