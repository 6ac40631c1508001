"""Every protocol against the library of the same name, for all pairs of the mask grid."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import surface_distance
import torch
from medpy.metric import binary as medpy
from monai import metrics as monai
from skimage.metrics import hausdorff_distance

from fidelity.metrics import distance
from fidelity.metrics.conventions import PROTOCOLS, protocol_for
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.registry import MASK_METRICS, select
from tests.helpers.mask_grid import MASKS, PAIRS

GOLDEN = Path(__file__).parent / "golden" / "metrics_reloaded.json"
TOLERANCE = 2.0

pytestmark = [
    pytest.mark.parametrize(("reference", "prediction"), PAIRS),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(autouse=True)
def _names_of_numpy_1(monkeypatch):
    """Define names for surface-distance 0.1 that NumPy 2 removed."""
    monkeypatch.setattr(np, "Inf", np.inf, raising=False)
    monkeypatch.setattr(np, "NaN", np.nan, raising=False)


def _ours(protocol, reference, prediction):
    rules = protocol_for(protocol, surface_tolerance=TOLERANCE)
    pair = MaskPair(MASKS[reference], MASKS[prediction])
    metrics = select([name for name in MASK_METRICS if rules.defines(name)], rules)
    return {m.name: m.function(pair, rules) for m in metrics if m.unit in ("1", "px")}


def _same(protocol, reference, prediction, theirs, rel=1e-12):
    # Test both algorithms: boundaries are compared pixel by pixel, or by a distance transform.
    for limit in (distance.PAIRS_PER_PIXEL, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(distance, "PAIRS_PER_PIXEL", limit)
            ours = _ours(protocol, reference, prediction)
        for name, value in theirs.items():
            expected = pytest.approx(float(value), rel=rel, abs=1e-12, nan_ok=True)
            assert ours[name] == expected, (name, reference, prediction, limit)
        assert set(ours) == set(PROTOCOLS[protocol].metrics)


def test_monai(reference, prediction):
    y_pred, y = (torch.from_numpy(MASKS[name])[None, None] for name in (prediction, reference))
    both = {"y_pred": y_pred, "y": y, "include_background": True}
    # MONAI's counts add the masks, which does not work for booleans.
    counts = monai.get_confusion_matrix(y_pred.float(), y.float(), include_background=True)
    theirs = {
        "iou": monai.compute_iou(**both),
        "dice": monai.compute_dice(**both),
        "precision": monai.compute_confusion_matrix_metric("precision", counts),
        "recall": monai.compute_confusion_matrix_metric("sensitivity", counts),
        "specificity": monai.compute_confusion_matrix_metric("specificity", counts),
        "hausdorff_boundary": monai.compute_hausdorff_distance(**both),
        "hd95_boundary": monai.compute_hausdorff_distance(**both, percentile=95),
        "assd": monai.compute_average_surface_distance(**both, symmetric=True),
        "nsd": monai.compute_surface_dice(**both, class_thresholds=[TOLERANCE]),
    }
    _same("monai", reference, prediction, theirs, rel=1e-6)  # MONAI uses float32.


def _or_nan(function, *masks):
    """Return the function's value, or nan if the library raises an error."""
    try:
        return function(*masks)
    except RuntimeError:
        return math.nan


def test_medpy(reference, prediction):
    functions = {
        "iou": medpy.jc,
        "dice": medpy.dc,
        "precision": medpy.precision,
        "recall": medpy.recall,
        "specificity": medpy.specificity,
        "hausdorff_boundary": medpy.hd,
        "hd95_boundary": medpy.hd95,
        "assd": medpy.assd,
    }
    masks = MASKS[prediction], MASKS[reference]
    theirs = {name: _or_nan(function, *masks) for name, function in functions.items()}
    _same("medpy", reference, prediction, theirs)


def test_surface_distance(reference, prediction):
    masks = MASKS[reference], MASKS[prediction]
    distances = surface_distance.compute_surface_distances(*masks, (1, 1))
    theirs = {
        "dice": surface_distance.compute_dice_coefficient(*masks),
        "hausdorff_boundary": surface_distance.compute_robust_hausdorff(distances, 100),
        "hd95_boundary": surface_distance.compute_robust_hausdorff(distances, 95),
        "nsd": surface_distance.compute_surface_dice_at_tolerance(distances, TOLERANCE),
    }
    _same("surface-distance", reference, prediction, theirs)


def test_surface_distance_with_spacing(reference, prediction):
    masks, spacing = (MASKS[reference], MASKS[prediction]), (0.7, 1.3)
    if not (masks[0].any() and masks[1].any()):
        pytest.skip("distances in mm of filled masks")
    distances = surface_distance.compute_surface_distances(*masks, spacing)
    pair, rules = MaskPair(*masks, spacing), PROTOCOLS["surface-distance"]
    for name, percent in (("hausdorff_boundary_mm", 100), ("hd95_boundary_mm", 95)):
        expected = surface_distance.compute_robust_hausdorff(distances, percent)
        assert MASK_METRICS[name].function(pair, rules) == pytest.approx(expected, rel=1e-12)


def test_scikit_image(reference, prediction):
    theirs = {"hausdorff_full": hausdorff_distance(MASKS[reference], MASKS[prediction])}
    _same("scikit-image", reference, prediction, theirs)


def test_metrics_reloaded(reference, prediction):
    """MetricsReloaded is not on PyPI, so its numbers were stored once, with a note on how."""
    stored = json.loads(GOLDEN.read_text())["values"][f"{reference}|{prediction}"]
    theirs = {name: math.nan if value is None else value for name, value in stored.items()}
    if (reference == "empty") != (prediction == "empty"):
        theirs["nsd"] = math.nan
    _same("metrics-reloaded", reference, prediction, theirs, rel=1e-9)


def test_seed(reference, prediction):
    truth, guess = MASKS[reference], MASKS[prediction]
    union, both = np.sum(truth | guess), np.sum(truth & guess)
    filled = truth.any() and guess.any()
    theirs = {
        "iou": both / union if union else 1.0,
        "dice": 2 * both / (truth.sum() + guess.sum()) if union else 1.0,
        "hausdorff_full": hausdorff_distance(truth, guess) if filled else math.nan,
    }
    _same("seed", reference, prediction, theirs)


@pytest.mark.parametrize("protocol", ["chexlocalize", "chexlocalize-full"])
def test_chexlocalize(reference, prediction, protocol):
    """eval.py gives NaN if one mask is empty, or on the full set only if both masks are empty."""
    truth, guess = MASKS[reference], MASKS[prediction]
    left_out = not (truth | guess).any()
    if protocol == "chexlocalize":
        left_out = not (truth.any() and guess.any())
    iou = math.nan if left_out else np.sum(truth & guess) / np.sum(truth | guess)
    _same(protocol, reference, prediction, {"iou": iou})
