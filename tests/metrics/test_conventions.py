import math

import numpy as np
import pytest

from fidelity.errors import InputError
from fidelity.metrics.conventions import policy_for
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.registry import METRICS, select
from mask_grid import MASKS, SHAPE

OVERLAP = ["iou", "dice", "precision", "recall"]
DISTANCE = ["hausdorff_full", "hausdorff_boundary", "hd95_boundary"]
DIAGONAL = math.hypot(*SHAPE)


def _score(name, reference, prediction, **changes):
    pair = MaskPair(MASKS[reference], MASKS[prediction])
    return METRICS[name].function(pair, policy_for("default", changes))


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


@pytest.mark.parametrize(
    "changes", [{"overlap_bot": "one"}, {"overlap_both": "diagonal"}, {"distance_both": "one"}]
)
def test_wrong_policies_are_refused(changes):
    with pytest.raises(InputError, match=r"scores\.empty"):
        policy_for("default", changes)


def test_unknown_protocol_is_refused():
    with pytest.raises(InputError, match="protocols"):
        policy_for("defualt")


def test_facts_of_metrics():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert (metric.unit == "px") == (name in DISTANCE)
        assert metric.direction == (
            "higher" if metric.unit == "1" and "false" not in name else "lower"
        )
        low, high = metric.range
        for prediction in MASKS:
            value = _score(name, "disc", prediction)
            assert math.isnan(value) or low <= value <= high


def test_selection_adds_what_stands_beside():
    assert [metric.name for metric in select(["dice", "recall", "iou", "iou_nan"])] == [
        "dice",
        "recall",
        "iou",
        "iou_nan",
        "dice_nan",
        "false_positive_share",
    ]


def test_a_misspelt_metric_gets_a_suggestion():
    with pytest.raises(InputError, match="hausdorff_full"):
        select(["hausdorf_full"])


def test_pairs_have_one_shape():
    with pytest.raises(ValueError, match="shape"):
        MaskPair(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
