"""Tune thresholds on the validation split, so that every explainer fairly gets its own."""

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
    'Add "val" to explain.splits, and check that the validation split has cases with a reference'
    " mask of every class"
)


def grid_of(thresholds: list[float] | None) -> np.ndarray:
    """Return the thresholds to try, in ascending order; None gives 0, 0.01, …, 0.99."""
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
    """Choose for each class the threshold with the highest mean score on the validation split.

    The scored masks have the same post-processing as the final masks. Only cases with a non-empty
    reference count. An empty prediction is scored by the policy. If that score is NaN, it is left
    out of the mean of its threshold, as in CheXlocalize. Failed maps are left out. Among ties, the
    lowest threshold is taken (CheXlocalize also takes the first maximum). The probability cutoff of
    masks is ignored, because it does not depend on the threshold.

    Args:
        rule: the config's entry: `metric` (iou or dice) and `thresholds` (None: 0, 0.01, …, 0.99).
        postprocessing: settings of the explainer: `sign`, `lung` and further steps.
        partial: whether the explainer may lack the whole split, as readers of only the test split
            do. No threshold is then chosen. Masks need none; a map without one is refused later.

    Returns:
        Columns class, metric, threshold, mean (score at this threshold) and n (cases), by class.

    Raises:
        InputError: a case is of another split, or no class has a case for tuning.
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
            "the validation split has no case to tune on",
            field="binarizations.method: tuned",
            remedy=_REMEDY,
        )
    rows = []
    for cls, by_case in sorted(curves.items()):
        # Sorted by id, so that the last bit of a mean does not depend on the shards.
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
        reference: boolean (H, W), not empty.
        lung: boolean (H, W); needed if masks are restricted to the lung.
        grid: thresholds (k,).

    Returns:
        float64 (k,). If all steps treat pixels separately, they are applied to the map, and one
        sort gives the scores of all thresholds. Otherwise the mask of each threshold is computed.
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
    """Find the first maximum of the mean over curves (n, k)."""
    with warnings.catch_warnings():
        # There is no mean if all predictions at a threshold are empty and left out.
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        means = np.nanmean(curves, axis=0)
    if np.isnan(means).all():
        raise InputError(
            f"every mask of the class {cls!r} is empty at every threshold",
            field="binarizations.method: tuned",
            remedy="Tune by another metric, or use weaker post-processing",
        )
    best = int(np.nanargmax(means))
    return cls, metric, float(grid[best]), float(means[best]), len(curves)
