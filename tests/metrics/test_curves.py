import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fidelity.metrics import overlap
from fidelity.metrics.conventions import protocol_for
from fidelity.metrics.curves import SHARES, best_threshold, confusion_curve, overlap_curves
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.registry import METRICS
from tests.helpers.mask_grid import MASKS, SHAPE

THRESHOLDS = np.linspace(0, 1, 101)
# Use few values, many of them equal to thresholds, because ties are the difficult case.
TIED = arrays(np.float32, (6, 8), elements=st.sampled_from([0, 0.25, 0.3, 0.6, 0.61, 1]))


def _one_by_one(map01, reference, protocol):
    for threshold in THRESHOLDS:
        pair = MaskPair(reference, map01 > np.float32(threshold))
        yield [METRICS[name].function(pair, protocol) for name in SHARES]


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("changes", [{}, {"overlap_both": "nan"}, {"overlap_prediction": "nan"}])
def test_curves_equal_thresholding_one_by_one(name, changes):
    protocol = protocol_for("default", changes)
    map01 = np.random.default_rng(4).random(SHAPE).astype(np.float32).round(2)
    curves = overlap_curves(map01, MASKS[name], THRESHOLDS, protocol.empty)
    found = np.transpose([curves[metric] for metric in SHARES])
    expected = list(_one_by_one(map01, MASKS[name], protocol))
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


@pytest.mark.parametrize("metric", ["iou", "dice"])
@given(TIED, arrays(bool, (6, 8)))
def test_the_best_threshold_is_the_first_best_of_all_values(metric, map01, reference):
    score, threshold = best_threshold(map01, reference, metric)
    if not reference.any():
        assert np.isnan([score, threshold]).all()
        return
    candidates = np.union1d(map01, np.float32(0))
    formula = getattr(overlap, metric)
    scores = [formula(overlap.confusion(reference, map01 > t)) for t in candidates]
    assert score == max(scores)
    assert threshold == candidates[int(np.argmax(scores))]


def test_a_map_must_be_as_it_was_rendered():
    with pytest.raises(ValueError, match="float32"):
        confusion_curve(np.zeros((2, 3)), np.zeros((2, 3), bool), THRESHOLDS)
