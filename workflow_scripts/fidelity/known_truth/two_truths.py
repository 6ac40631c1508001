"""Score maps against two masks: the planted mark (correct) and the lesion (incorrect)."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pandas as pd

from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.pixel_frames import ScoringSize
from fidelity.maps.saliency_map import MapRecord, Sign
from fidelity.masks.run_lengths import RLE
from fidelity.metrics.map_registry import RANKING
from fidelity.scoring.map_scores import score_maps
from fidelity.scoring.score_rows import Targets

TRUTHS = ("mark", "lesion")
METRICS = ["roc_auc", "pointing_game", "relevance_rank"]


def score_truths(
    explained: Iterable[tuple[PreparedCase, MapRecord]],
    mark_of: Callable[[PreparedCase], RLE | None],
    cls: str,
    targets: Targets,
    *,
    scoring_size: ScoringSize,
    sign: Sign,
) -> pd.DataFrame:
    """Score the maps of all images that have the mark.

    Args:
        mark_of: a function that returns a case's mark at native size; None if it has none.
        cls: source class that the mark belongs to; maps of other classes are left out.

    Returns:
        The columns of ranking.parquet and `truth` (mark or lesion): two rows per map.
    """
    pairs: dict[str, list[tuple[PreparedCase, MapRecord]]] = {truth: [] for truth in TRUTHS}
    for case, record in explained:
        if record.cls != cls or cls not in case.references:
            continue
        mark = mark_of(case)
        if mark is not None:
            pairs["mark"].append((replace(case, references={cls: mark}), record))
            pairs["lesion"].append((case, record))
    scored = [
        score_maps(
            pairs[truth],
            targets,
            [RANKING[name] for name in METRICS],
            scoring_size=scoring_size,
            sign=sign,
            tolerance=0,
        ).assign(truth=truth)
        for truth in TRUTHS
    ]
    return pd.concat(scored, ignore_index=True)
