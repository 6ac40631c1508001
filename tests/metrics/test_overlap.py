import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays
from monai.metrics import compute_dice, compute_iou
from sklearn.metrics import jaccard_score, precision_score, recall_score

from fidelity.metrics import overlap
from tests.helpers.mask_grid import FILLED_PAIRS, MASKS, PAIRS

FORMULAS = [
    overlap.iou,
    overlap.dice,
    overlap.precision,
    overlap.recall,
    overlap.specificity,
    overlap.volume_similarity,
]
MASK = arrays(bool, (7, 9))


def _tensor(mask):
    return torch.from_numpy(mask)[None, None]


@pytest.mark.parametrize(("reference", "prediction"), FILLED_PAIRS)
def test_equals_monai(reference, prediction):
    truth, guess = MASKS[reference], MASKS[prediction]
    counts = overlap.confusion(truth, guess)
    iou = compute_iou(_tensor(guess), _tensor(truth)).item()
    dice = compute_dice(_tensor(guess), _tensor(truth)).item()
    assert overlap.iou(counts) == pytest.approx(iou, rel=1e-6)
    assert overlap.dice(counts) == pytest.approx(dice, rel=1e-6)


@pytest.mark.parametrize(("reference", "prediction"), PAIRS)
def test_equals_sklearn(reference, prediction):
    truth, guess = MASKS[reference].ravel(), MASKS[prediction].ravel()
    counts = overlap.confusion(truth, guess)
    for ours, theirs in [
        (overlap.precision, precision_score),
        (overlap.recall, recall_score),
    ]:
        expected = theirs(truth, guess, zero_division=np.nan)
        assert ours(counts) == pytest.approx(expected, rel=1e-12, nan_ok=True)
    if truth.any() or guess.any():
        assert overlap.iou(counts) == pytest.approx(jaccard_score(truth, guess), rel=1e-12)


@given(MASK, MASK)
def test_counts_add_up_and_shares_are_bounded(a, b):
    counts = overlap.confusion(a, b)
    assert counts.tp + counts.fp + counts.fn + counts.tn == a.size
    for formula in FORMULAS:
        value = formula(counts)
        assert np.isnan(value) or 0 <= value <= 1


@given(MASK, MASK)
def test_symmetry(a, b):
    one, other = overlap.confusion(a, b), overlap.confusion(b, a)
    assert overlap.iou(one) == pytest.approx(overlap.iou(other), nan_ok=True)
    assert overlap.precision(one) == pytest.approx(overlap.recall(other), nan_ok=True)


@given(MASK, MASK)
def test_volume_similarity_knows_areas_alone(a, b):
    areas = sorted([int(a.sum()), int(b.sum())])
    expected = 2 * areas[0] / sum(areas) if areas[1] else np.nan
    found = overlap.volume_similarity(overlap.confusion(a, b))
    assert found == pytest.approx(expected, nan_ok=True)


@given(MASK, MASK)
def test_specificity_is_the_recall_of_the_background(a, b):
    found = overlap.specificity(overlap.confusion(a, b))
    assert found == pytest.approx(overlap.recall(overlap.confusion(~a, ~b)), nan_ok=True)


@given(MASK, MASK)
def test_dice_follows_from_iou(a, b):
    counts = overlap.confusion(a, b)
    iou = overlap.iou(counts)
    assert overlap.dice(counts) == pytest.approx(2 * iou / (1 + iou), nan_ok=True)


@given(MASK, MASK, MASK)
def test_growing_inside_the_reference_never_lowers_the_overlap(reference, small, more):
    inside = small & reference
    larger = inside | (more & reference)
    before, after = overlap.confusion(reference, inside), overlap.confusion(reference, larger)
    if reference.any():
        assert overlap.iou(after) >= overlap.iou(before)
        assert overlap.recall(after) >= overlap.recall(before)


def test_arrays_of_counts_give_arrays():
    counts = overlap.Confusion(
        tp=np.array([0, 2]), fp=np.array([0, 1]), fn=np.array([0, 1]), tn=np.array([4, 0])
    )
    assert np.array_equal(overlap.iou(counts), [np.nan, 0.5], equal_nan=True)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="shape"):
        overlap.confusion(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
