"""Thresholds tuned on the validation split: the fair way to give every explainer its own."""

import warnings
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd

from fidelity.analysis.columns.localization import THRESHOLDS
from fidelity.base.errors import InputError, at_case
from fidelity.binarizations.postprocess import checked_lung, is_pointwise, postprocess
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.pixel_frames import (
    ScoringSize,
    lung_in_frame,
    map_in_frame,
    reference_in_frame,
)
from fidelity.maps.saliency_map import MapRecord
from fidelity.metrics import overlap
from fidelity.metrics.curves import overlap_curves
from fidelity.metrics.empty import EmptyPolicy
from fidelity.settings.binarizations import Postprocess, Tuned

_REMEDY = (
    'Add "val" to explain.splits, and see that the validation split has cases with a reference'
    " mask of every class"
)


def grid_of(thresholds: list[float] | None) -> np.ndarray:
    """Give the thresholds to choose among, lowest first; None is 0, 0.01, …, 0.99."""
    if thresholds is None:
        return np.linspace(0, 1, 101)[:-1]
    return np.unique(np.asarray(thresholds, np.float64))


def tune(
    explained: Iterable[tuple[PreparedCase, MapRecord]],
    rule: Tuned,
    postprocessing: Postprocess,
    scoring_size: ScoringSize,
    policy: EmptyPolicy,
    partial: bool = False,
) -> pd.DataFrame:
    """Choose for each class the threshold of the highest mean score on the validation split.

    Scored are the masks as they will be: after the same post-processing. Only cases with a
    reference that has pixels count. An empty prediction is scored by the policy. If that is NaN, it
    is left out of the mean of its threshold, as in CheXlocalize. Failed maps are left out. Of
    equally good thresholds the lowest is taken (CheXlocalize takes the first maximum too). The
    probability cutoff of masks plays no part: it depends on no threshold.

    Args:
        rule: the config's entry: `metric` (iou or dice) and `thresholds` (None: 0, 0.01, …, 0.99).
        postprocessing: the explainer's: `sign`, `lung` and further steps.
        partial: the explainer may lack the whole split, as readers of the test split alone do:
            then no threshold is chosen. Masks need none; a map without one is refused later.

    Returns:
        Columns class, metric, threshold, mean (of the score at it) and n (cases), by class.

    Raises:
        InputError: a case is of another split, or no class has a case to tune on.
    """
    grid = grid_of(rule.thresholds)
    curves: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for case, record in explained:
        if case.split != "val":
            raise InputError(
                f"a threshold must not be tuned on the {case.split} split",
                field=case.case,
                remedy="Give the shards of the validation split alone",
            )
        if record.map is None or record.cls not in case.references:
            continue
        with at_case(case.case):
            reference = reference_in_frame(case, record.cls, scoring_size)
            if not reference.any():
                continue
            map01 = map_in_frame(record.map, case, scoring_size, postprocessing.sign)
            lung = lung_in_frame(case, scoring_size) if postprocessing.lung else None
            curves[record.cls][case.case] = curve_of(
                map01, reference, lung, grid, rule.metric, postprocessing, policy
            )
    if not curves and not partial:
        raise InputError(
            "no case of the validation split can be tuned on",
            field="binarizations.method: tuned",
            remedy=_REMEDY,
        )
    rows = []
    for cls, by_case in sorted(curves.items()):
        # In the order of the ids: the last bit of a mean must not depend on shards.
        together = np.stack([by_case[case] for case in sorted(by_case)])
        rows.append(_best(cls, rule.metric, grid, together))
    return THRESHOLDS.frame(rows)


def curve_of(
    map01: np.ndarray,
    reference: np.ndarray,
    lung: np.ndarray | None,
    grid: np.ndarray,
    metric: str,
    postprocessing: Postprocess,
    policy: EmptyPolicy,
) -> np.ndarray:
    """Score the masks of one map at all thresholds, after post-processing.

    Args:
        map01: float32 (H, W) in [0, 1].
        reference: boolean (H, W) with pixels.
        lung: boolean (H, W), needed where masks are restricted to it.
        grid: thresholds (k,).

    Returns:
        float64 (k,). Steps that treat every pixel by itself are done on the map and all thresholds
        are scored from one sort; otherwise the masks are made one by one.
    """
    if is_pointwise(postprocessing):
        if postprocessing.lung:
            map01 = map01 * checked_lung(lung)
        return overlap_curves(map01, reference, grid, policy)[metric]
    formula = overlap.IOU_AND_DICE[metric]
    nothing = policy.value(
        "overlap", reference_empty=False, prediction_empty=True, shape=reference.shape
    )
    curve = np.empty(grid.size)
    for index, threshold in enumerate(grid.astype(np.float32)):
        mask = postprocess(map01 > threshold, lung, postprocessing)
        curve[index] = formula(overlap.confusion(reference, mask)) if mask.any() else nothing
    return curve


def _best(cls: str, metric: str, grid: np.ndarray, curves: np.ndarray) -> tuple:
    """Find the first highest mean of the curves (n, k)."""
    with warnings.catch_warnings():
        # Where every prediction is empty and left out there is no mean.
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        means = np.nanmean(curves, axis=0)
    if np.isnan(means).all():
        raise InputError(
            f"every mask of the class {cls!r} is empty at every threshold",
            field="binarizations.method: tuned",
            remedy="Tune by another metric, or soften the post-processing",
        )
    best = int(np.nanargmax(means))
    return cls, metric, float(grid[best]), float(means[best]), len(curves)
