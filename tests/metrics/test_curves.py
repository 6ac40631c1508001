import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fidelity.metrics import overlap
from fidelity.metrics.conventions import EmptyPolicy, policy_for
from fidelity.metrics.curves import confusion_curve, overlap_curves
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.registry import METRICS
from mask_grid import MASKS, SHAPE

THRESHOLDS = np.linspace(0, 1, 101)
# Few values, many of them thresholds: ties are the hard case.
TIED = arrays(np.float32, (6, 8), elements=st.sampled_from([0, 0.25, 0.3, 0.6, 0.61, 1]))


def _one_by_one(map01, reference, policy):
    for threshold in THRESHOLDS:
        pair = MaskPair(reference, map01 > np.float32(threshold))
        yield [METRICS[name].function(pair, policy) for name in ("iou", "dice")]


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("policy", [EmptyPolicy(), policy_for("default", {"overlap_both": "nan"})])
def test_curves_equal_thresholding_one_by_one(name, policy):
    map01 = np.random.default_rng(4).random(SHAPE).astype(np.float32).round(2)
    found = np.transpose(overlap_curves(map01, MASKS[name], THRESHOLDS, policy))
    expected = list(_one_by_one(map01, MASKS[name], policy))
    assert np.array_equal(found, expected, equal_nan=True)


@given(TIED, arrays(bool, (6, 8)))
def test_counts_equal_thresholding_one_by_one(map01, reference):
    curve = confusion_curve(map01, reference, THRESHOLDS)
    for index, threshold in enumerate(THRESHOLDS):
        counts = overlap.confusion(reference, map01 > np.float32(threshold))
        assert (counts.tp, counts.fp, counts.fn, counts.tn) == (
            curve.tp[index],
            curve.fp[index],
            curve.fn[index],
            curve.tn[index],
        )


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="shape"):
        confusion_curve(np.zeros((2, 3), np.float32), np.zeros((3, 2), bool), THRESHOLDS)
