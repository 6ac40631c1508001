import math

import numpy as np
import pytest

from fidelity.metrics.conventions import PROTOCOLS, protocol_for
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.registry import MASK_METRICS, METRICS, select
from tests.helpers.mask_grid import MASKS, SHAPE

OVERLAP = ["iou", "dice", "precision", "recall", "volume_similarity", "nsd"]
DISTANCE = ["hausdorff_full", "hausdorff_boundary", "hd95_boundary", "assd"]
SPACING = (0.5, 0.25)
DIAGONAL = math.hypot(*SHAPE)


def _score(name, reference, prediction, spacing=None, **changes):
    pair = MaskPair(MASKS[reference], MASKS[prediction], spacing)
    return METRICS[name].function(pair, protocol_for("default", changes))


@pytest.mark.parametrize("name", OVERLAP + DISTANCE)
def test_default_policy(name):
    nothing, all_wrong = (1, 0) if name in OVERLAP else (0, DIAGONAL)
    assert _score(name, "empty", "empty") == nothing
    assert _score(name, "disc", "empty") == all_wrong
    assert math.isnan(_score(name, "empty", "disc"))
    assert math.isfinite(_score(name, "ring", "disc"))


def test_the_config_changes_single_values():
    assert math.isnan(_score("iou", "empty", "empty", overlap_both="nan"))
    assert math.isnan(_score("hd95_boundary", "disc", "empty", distance_prediction="nan"))
    assert _score("hd95_boundary", "disc", "empty", distance_prediction="inf") == math.inf
    assert _score("iou", "disc", "empty", distance_prediction="inf") == 0


def test_nan_metrics_leave_empty_predictions_out():
    assert math.isnan(_score("iou_nan", "disc", "empty"))
    assert math.isnan(_score("dice_nan", "empty", "empty"))
    assert _score("iou_nan", "ring", "disc") == _score("iou", "ring", "disc")


def test_false_positives_are_reported_where_nothing_is():
    assert _score("false_positive_share", "empty", "border") == MASKS["border"].mean()
    assert _score("false_positive_share", "empty", "empty") == 0
    assert math.isnan(_score("false_positive_share", "disc", "border"))


def test_lesion_recall_counts_lesions_not_pixels():
    lesions = np.zeros(SHAPE, bool)
    lesions[2:20, 2:20] = lesions[30:33, 40:43] = True
    touched = np.zeros(SHAPE, bool)
    touched[32, 42] = True
    rules = protocol_for("default")
    recall = MASK_METRICS["lesion_recall"].function

    def score(reference, prediction):
        return recall(MaskPair(reference, prediction), rules)

    assert score(lesions, touched) == 0.5
    assert score(lesions, ~touched) == 1
    assert score(lesions, np.zeros(SHAPE, bool)) == 0
    assert math.isnan(score(np.zeros(SHAPE, bool), touched))


def test_an_empty_prediction_rejects_everything():
    assert _score("specificity", "disc", "empty") == _score("specificity", "empty", "empty") == 1
    assert math.isnan(_score("specificity", "empty", "disc"))
    assert math.isnan(_score("specificity", "full", "disc"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_facts_of_metrics(protocol):
    rules = PROTOCOLS[protocol]
    for name, metric in MASK_METRICS.items():
        assert METRICS[name] is metric
        assert metric.name == name
        assert metric.direction == (
            "higher" if metric.unit == "1" and "false" not in name else "lower"
        )
        assert not metric.uses_reference
        low, high = metric.range
        for prediction in MASKS:
            value = metric.function(MaskPair(MASKS["disc"], MASKS[prediction], SPACING), rules)
            assert math.isnan(value) or value == math.inf or low <= value <= high
    if rules.metrics is not None:
        assert rules.metrics <= set(MASK_METRICS)


@pytest.mark.parametrize("name", DISTANCE)
@pytest.mark.parametrize("prediction", ["components", "noise", "empty"])
def test_units(name, prediction):
    pixels = _score(name, "ring", prediction)
    assert _score(f"{name}_diagonal", "ring", prediction) == pytest.approx(pixels / DIAGONAL)
    assert math.isnan(_score(f"{name}_mm", "ring", prediction))
    square = _score(f"{name}_mm", "ring", prediction, (0.3, 0.3))
    assert square == pytest.approx(0.3 * pixels)
    if prediction != "empty":
        nearly = _score(f"{name}_mm", "ring", prediction, (0.3, 0.3 + 1e-9))
        assert nearly == pytest.approx(square, rel=1e-6)


def test_millimetres_of_pixels_that_are_not_square():
    """Two pixels 3 rows and 4 columns apart. A row is 2 mm high, and a column is 0.5 mm wide."""
    one, other = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    one[2, 2], other[5, 6] = True, True
    pair = MaskPair(one, other, (2.0, 0.5))
    for name in DISTANCE:
        value = MASK_METRICS[f"{name}_mm"].function(pair, protocol_for("default"))
        assert value == pytest.approx(math.hypot(6, 2))
    empty = MaskPair(one, np.zeros((9, 9), bool), (2.0, 0.5))
    value = MASK_METRICS["assd_mm"].function(empty, protocol_for("default"))
    assert value == pytest.approx(math.hypot(18, 4.5))


def test_tolerance_of_the_surface_dice():
    one, other = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    one[2, 2], other[2, 5] = True, True
    for tolerance, expected in ((2.9, 0), (3, 1)):
        rules = protocol_for("default", surface_tolerance=tolerance)
        assert MASK_METRICS["nsd"].function(MaskPair(one, other), rules) == expected


def test_a_protocol_leaves_out_what_it_does_not_define():
    names = ["iou", "dice", "assd", "assd_mm", "specificity"]
    assert [m.name for m in select(names, PROTOCOLS["medpy"])] == names
    assert [m.name for m in select(names, PROTOCOLS["chexlocalize"])] == ["iou"]
    assert select(["iou"], PROTOCOLS["scikit-image"]) == []


def test_selection_adds_what_stands_beside():
    assert [metric.name for metric in select(["dice", "recall", "iou", "iou_nan"])] == [
        "dice",
        "recall",
        "iou",
        "iou_nan",
        "dice_nan",
        "false_positive_share",
    ]


def test_pairs_have_one_shape():
    with pytest.raises(ValueError, match="shape"):
        MaskPair(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
