import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from fidelity.binarizations.apply import binarize
from fidelity.metrics import overlap
from fidelity.metrics.map_metrics import MapPair
from fidelity.metrics.map_registry import RANKING
from tests.helpers import entries
from tests.helpers.mask_grid import MASKS, SHAPE

TIED = arrays(np.float32, (6, 8), elements=st.sampled_from([0, 0.25, 0.3, 0.6, 0.61, 1]))
FINE = arrays(np.float32, (6, 8), elements=st.floats(0, 1, width=32))
REFERENCE = arrays(bool, (6, 8))
NOT_EMPTY = [name for name in MASKS if name != "empty"]


def _maps():
    rng = np.random.default_rng(5)
    smooth = rng.random(SHAPE).astype(np.float32)
    blocks = np.repeat(np.repeat(rng.random((5, 7)), 8, 0), 8, 1).astype(np.float32)
    one = np.zeros(SHAPE, np.float32)
    one[20, 20] = 1
    return {
        "dense": smooth,
        "rounded": smooth.round(1),
        "superpixels": np.where(blocks > 0.6, blocks, 0).astype(np.float32),
        "one pixel": one,
        "zero": np.zeros(SHAPE, np.float32),
        "ones": np.ones(SHAPE, np.float32),
    }


MAPS = _maps()


def _score(name, map01, reference, **more):
    return RANKING[name].function(MapPair(map01, reference, **more))


@pytest.mark.parametrize("which", MAPS)
@pytest.mark.parametrize("name", [name for name in NOT_EMPTY if name != "full"])
def test_areas_under_curves_are_those_of_sklearn(which, name):
    truth, score = MASKS[name].ravel(), MAPS[which].ravel()
    auc = _score("roc_auc", MAPS[which], MASKS[name])
    precision = _score("average_precision", MAPS[which], MASKS[name])
    assert auc == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert precision == pytest.approx(average_precision_score(truth, score), abs=1e-12)


@given(st.one_of(TIED, FINE), REFERENCE)
def test_areas_under_curves_are_those_of_sklearn_whatever_the_ties(map01, reference):
    assume(reference.any() and not reference.all())
    truth, score = reference.ravel(), map01.ravel()
    auc = _score("roc_auc", map01, reference)
    assert auc == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    precision = _score("average_precision", map01, reference)
    assert precision == pytest.approx(average_precision_score(truth, score), abs=1e-12)


@given(st.one_of(TIED, FINE), REFERENCE)
def test_relevance_rank_is_the_dice_of_the_area_matched_mask(map01, reference):
    assume(reference.any())
    mask, _ = binarize(
        map01, "dense", entries.rule({"method": "area_matched"}), reference=reference
    )
    dice = overlap.dice(overlap.confusion(reference, mask))
    assert _score("relevance_rank", map01, reference) == pytest.approx(dice, abs=1e-15)


@given(st.one_of(TIED, FINE), REFERENCE)
def test_best_iou_is_that_of_trying_every_value(map01, reference):
    assume(reference.any())
    thresholds = np.union1d(map01, np.float32(0))
    scores = [overlap.iou(overlap.confusion(reference, map01 > t)) for t in thresholds]
    best = int(np.argmax(scores))
    assert _score("best_iou", map01, reference) == scores[best]
    assert _score("best_iou_threshold", map01, reference) == thresholds[best]


# Quantus 0.6.0 (abs=False, normalise=False) on the dense map above, which has no ties:
# PointingGame, RelevanceRankAccuracy and RelevanceMassAccuracy, each by evaluate_batch.
QUANTUS = {
    "full": (1, 1.0, 1.0),
    "pixel": (0, 0.0, 0.00039701677048896824),
    "corner": (0, 0.0, 3.74679855022543e-05),
    "border": (0, 0.06770833333333333, 0.08497771978838208),
    "disc": (1, 0.1422924901185771, 0.11941034027950746),
    "ring": (1, 0.25, 0.2271563813012133),
    "components": (0, 0.09956709956709957, 0.10282247043516923),
    "sparse": (0, 0.0, 0.02735983998624578),
    "noise": (0, 0.5, 0.5026869104623622),
    "line": (0, 0.05357142857142857, 0.0245672947065071),
}


@pytest.mark.parametrize("name", QUANTUS)
def test_equals_quantus(name):
    hit, rank, mass = QUANTUS[name]
    map01, reference = MAPS["dense"], MASKS[name]
    assert _score("pointing_game_any", map01, reference) == hit
    assert _score("pointing_game", map01, reference) == hit
    assert _score("relevance_rank", map01, reference) == pytest.approx(rank, abs=1e-12)
    assert _score("relevance_mass", map01, reference) == pytest.approx(mass, abs=1e-12)


@given(FINE, REFERENCE, st.floats(0.125, 4, width=32), st.floats(0, 4, width=32))
def test_shares_are_of_the_unscaled_relevance(map01, reference, factor, offset):
    """Scaling maps a positive map's minimum to zero, but the shares use its own values."""
    assume(reference.any() and map01.any())
    raw = (map01 * np.float32(factor) + np.float32(offset)).astype(np.float32)
    assume(raw.sum() > 1e-3)
    expected = raw[reference].sum(dtype=float) / raw.sum(dtype=float)
    mass = _score("relevance_mass", map01, reference, relevance=raw)
    assert mass == pytest.approx(expected, abs=1e-12)
    outside = _score("outside_lung_share", map01, ~reference, lung=reference, relevance=raw)
    assert outside == pytest.approx(1 - expected, abs=1e-9)
    if offset == 0:
        assert mass == pytest.approx(_score("relevance_mass", map01, reference), abs=1e-5)


def test_a_map_without_positive_relevance_has_no_mass():
    nothing = np.zeros(SHAPE, np.float32)
    mass = _score("relevance_mass", MAPS["dense"], MASKS["disc"], relevance=nothing)
    assert mass == 0
    share = _score(
        "outside_lung_share", MAPS["dense"], MASKS["disc"], lung=MASKS["disc"], relevance=nothing
    )
    assert math.isnan(share)


@given(TIED, REFERENCE)
def test_the_pointing_games_are_in_order(map01, reference):
    assume(reference.any() and map01.any())
    expected = _score("pointing_game", map01, reference)
    assert expected <= _score("pointing_game_any", map01, reference)
    assert expected <= _score("pointing_game_tolerance", map01, reference, tolerance=2)
    assert _score("pointing_game_tolerance", map01, reference, tolerance=0) == expected
    assert _score("pointing_game_tolerance", map01, reference, tolerance=99) == 1
    first = np.unravel_index(np.argmax(map01), map01.shape)
    assert _score("hit_rate", map01, reference) == reference[first]


@given(TIED, REFERENCE, st.integers(1, 6))
def test_the_tolerance_is_that_of_torchray(map01, reference, tolerance):
    # TorchRay: it is a hit if any reference pixel has a squared distance below tolerance².
    assume(reference.any() and map01.any())
    inside = np.argwhere(reference)
    hits = [
        (((inside - peak) ** 2).sum(1) < tolerance**2).any()
        for peak in np.argwhere(map01 == map01.max())
    ]
    found = _score("pointing_game_tolerance", map01, reference, tolerance=tolerance)
    assert found == pytest.approx(np.mean(hits), abs=1e-15)


@given(st.one_of(TIED, FINE), REFERENCE, REFERENCE)
def test_scores_keep_to_their_range(map01, reference, lung):
    for metric in RANKING.values():
        score = metric.function(MapPair(map01, reference, lung, 2))
        low, high = metric.range
        assert math.isnan(score) or low - 1e-12 <= score <= high + 1e-12, metric.name


@given(st.permutations(range(48)), REFERENCE)
def test_scores_do_not_depend_on_how_the_image_lies(values, reference):
    map01 = np.array(values, np.float32).reshape(6, 8) / 47
    names = [name for name in RANKING if name != "outside_lung_share"]
    for turn in (np.fliplr, np.flipud, np.transpose):
        for name in names:
            turned = _score(name, turn(map01).copy(), turn(reference).copy(), tolerance=2)
            straight = _score(name, map01, reference, tolerance=2)
            assert turned == pytest.approx(straight, abs=1e-12, nan_ok=True), name


@pytest.mark.parametrize("which", MAPS)
@pytest.mark.parametrize("name", RANKING)
def test_an_empty_reference_leaves_all_but_the_lung_undefined(which, name):
    score = _score(name, MAPS[which], MASKS["empty"], lung=MASKS["disc"])
    assert math.isnan(score) == (name != "outside_lung_share" or which == "zero")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pointing_game", 0),
        ("pointing_game_any", 1),
        ("hit_rate", 0),
        ("pointing_game_tolerance", 0),
        ("relevance_mass", 0),
        ("relevance_rank", 0),
        ("roc_auc", 0.5),
        ("average_precision", MASKS["disc"].mean()),
        ("best_iou", 0),
        ("best_iou_threshold", 0),
        ("outside_lung_share", math.nan),
    ],
)
def test_a_zero_map_claims_nothing(name, expected):
    score = _score(name, MAPS["zero"], MASKS["disc"], lung=MASKS["ring"])
    assert score == pytest.approx(expected, nan_ok=True)


def test_the_whole_image_as_reference():
    full = MASKS["full"]
    assert math.isnan(_score("roc_auc", MAPS["dense"], full))
    for name in ("pointing_game", "relevance_mass", "relevance_rank", "average_precision"):
        assert _score(name, MAPS["dense"], full) == pytest.approx(1)


def test_attribution_outside_the_lung():
    map01 = np.array([[1.0, 0.5], [0.25, 0.25]], np.float32)
    lung = np.array([[True, False], [True, False]])
    reference = np.zeros((2, 2), bool)
    assert _score("outside_lung_share", map01, reference, lung=lung) == pytest.approx(0.375)
    assert math.isnan(_score("outside_lung_share", map01, reference, lung=None))
    # An empty mask is a lung that was not found, not an image without a lung.
    assert math.isnan(_score("outside_lung_share", map01, reference, lung=np.zeros_like(lung)))


def test_negative_zeros_are_zeros():
    map01 = np.array([[-0.0, 0.0, 0.5]], np.float32)
    reference = np.array([[True, False, True]])
    assert _score("roc_auc", map01, reference) == pytest.approx(
        roc_auc_score(reference.ravel(), map01.ravel())
    )


def test_what_has_seen_the_reference_says_so():
    assert {m.name for m in RANKING.values() if m.uses_reference} == {
        "best_iou",
        "best_iou_threshold",
    }


def test_no_threshold_is_better_than_another():
    assert [m.name for m in RANKING.values() if m.direction == "neither"] == ["best_iou_threshold"]
