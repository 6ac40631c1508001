from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import sampled_from
from monai.metrics import compute_hausdorff_distance
from monai.metrics.utils import get_mask_edges
from scipy import ndimage
from scipy.ndimage import binary_erosion
from skimage.metrics import hausdorff_distance

from fidelity.metrics import distance
from fidelity.metrics.distance import MaskDistances, boundary_distances, hausdorff_full, nearest
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.surface import directed_95, maximum, mean_distance, pooled_95, share_within
from tests.helpers.mask_grid import FILLED_PAIRS, MASKS

MASK = arrays(bool, (7, 9))


def _all(reference, prediction):
    masks = MaskDistances(reference), MaskDistances(prediction)
    distances = boundary_distances(*masks)
    return [hausdorff_full(*masks), maximum(distances), directed_95(distances)]


def _monai(reference, prediction, percentile=None):
    tensors = (torch.from_numpy(mask)[None, None] for mask in (prediction, reference))
    return compute_hausdorff_distance(
        *tensors, include_background=True, percentile=percentile
    ).item()


@pytest.mark.parametrize("name", [name for name in MASKS if name != "empty"])
def test_boundary_is_that_of_monai(name):
    edges, _ = get_mask_edges(MASKS[name], MASKS[name], crop=False)
    assert np.array_equal(distance.boundary(MASKS[name]), edges)


@pytest.mark.parametrize(("reference", "prediction"), FILLED_PAIRS)
def test_equals_skimage_and_monai(reference, prediction):
    truth, guess = MASKS[reference], MASKS[prediction]
    full, boundary, hd95 = _all(truth, guess)
    assert full == hausdorff_distance(truth, guess)
    assert boundary == pytest.approx(_monai(truth, guess), rel=1e-6)
    assert hd95 == pytest.approx(_monai(truth, guess, 95), rel=1e-6)


def test_an_object_with_a_hole_differs_between_the_point_sets():
    """A 29 x 29 square with and without a 9 x 9 hole: full sets 5.0, boundaries 9.0."""
    solid = np.zeros((40, 40), bool)
    solid[5:34, 5:34] = True
    holed = solid.copy()
    holed[15:24, 15:24] = False
    full, boundary, _ = _all(solid, holed)
    assert (full, boundary) == (5.0, 9.0)
    assert (full, boundary) == (hausdorff_distance(solid, holed), _monai(solid, holed))


def test_two_points_have_the_distance_of_pythagoras():
    one, other = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    one[1, 2], other[4, 6] = True, True
    assert _all(one, other) == [5.0, 5.0, 5.0]


@given(MASK, MASK)
def test_symmetry_and_turning(a, b):
    assume(a.any() and b.any())
    expected = _all(a, b)
    assert _all(b, a) == expected
    assert _all(a.T.copy(), b.T.copy()) == expected
    assert _all(a[::-1].copy(), b[::-1].copy()) == expected
    assert _all(a[:, ::-1].copy(), b[:, ::-1].copy()) == expected


@given(MASK, MASK)
def test_bounds(a, b):
    assume(a.any() and b.any())
    full, boundary, hd95 = _all(a, b)
    assert 0 <= full <= np.hypot(6, 8)
    assert 0 <= hd95 <= boundary <= np.hypot(6, 8)
    assert (full == 0) == np.array_equal(a, b)


@given(MASK, MASK, MASK)
def test_nested_masks_are_farther_the_smaller_they_are(a, b, c):
    small, medium, large = a & b & c, a & b, a
    assume(small.any())
    assert _all(large, medium)[0] <= _all(large, small)[0]


def test_distances_are_exact():
    rng = np.random.default_rng(3)
    mask = rng.random((300, 500)) < 0.0005
    expected = ndimage.distance_transform_edt(~mask)
    found = MaskDistances(mask).distances_from(~mask)
    assert np.array_equal(found, expected[~mask])


def test_distances_are_exact_where_pixels_are_not_square():
    rng = np.random.default_rng(3)
    mask = rng.random((60, 80)) < 0.005
    expected = ndimage.distance_transform_edt(~mask, sampling=(0.4, 1.1))
    found = MaskDistances(mask, (0.4, 1.1)).distances_from(~mask)
    assert found == pytest.approx(expected[~mask], rel=1e-12)


@pytest.mark.parametrize(("reference", "prediction"), FILLED_PAIRS)
def test_neither_sharing_nor_the_window_changes_anything(reference, prediction):
    shared = MaskDistances(MASKS[reference])
    for pair in (
        MaskPair(shared, MASKS[prediction]),
        MaskPair(MASKS[reference], MASKS[prediction]),
    ):
        surfaces = pair.surfaces("pixels", "px")
        found = [pair.hausdorff_full("px"), maximum(surfaces), directed_95(surfaces)]
        assert found == _all(MASKS[reference], MASKS[prediction])


@given(MASK, MASK)
def test_quantiles_are_those_of_numpy(a, b):
    assume(a.any() and b.any())
    distances = boundary_distances(MaskDistances(a), MaskDistances(b))
    both = [distances.to_reference, distances.to_prediction]
    expected = max(np.quantile(values, 0.95) for values in both)
    assert directed_95(distances) == pytest.approx(expected, rel=1e-12)
    expected = np.quantile(np.concatenate(both), 0.95)
    assert pooled_95(distances) == pytest.approx(expected, rel=1e-12)


@given(MASK, MASK)
@pytest.mark.parametrize("surface", ["pixels", "contour"])
def test_surfaces_are_symmetric_and_bounded(surface, a, b):
    assume(a.any() and b.any())
    one, other, turned = (
        MaskPair(*masks).surfaces(surface, "px")
        for masks in ((a, b), (b, a), (a[::-1, ::-1].T.copy(), b[::-1, ::-1].T.copy()))
    )
    assert 0 <= mean_distance(one) <= maximum(one)
    shares = [share_within(one, tolerance) for tolerance in (0, 1, 2, 20)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    for same in (other, turned):
        assert mean_distance(same) == pytest.approx(mean_distance(one))
        assert share_within(same, 1) == pytest.approx(shares[1])
        assert maximum(same) == maximum(one)
    if np.array_equal(a, b):
        assert maximum(one) == 0
    # Different masks may share all their boundary pixels: an inner pixel whose neighbours all lie
    # on the boundary adds none. So only different sets of boundary pixels can be distinguished.
    elif surface == "pixels":
        same_boundary = np.array_equal(*(mask & ~binary_erosion(mask) for mask in (a, b)))
        assert (maximum(one) == 0) == same_boundary


@given(MASK, MASK, sampled_from([(1.0, 1.0), (0.4, 1.1)]), sampled_from([1, distance.BLOCK]))
def test_nearest_points_are_those_of_all_pairs(one, other, spacing, block):
    assume(one.any() and other.any())
    apart = (np.argwhere(one)[:, None] - np.argwhere(other)) * spacing
    expected = np.sqrt((apart**2).sum(2))
    with patch.object(distance, "BLOCK", block):
        found = nearest(one, other, spacing)
    with patch.object(distance, "PAIRS_PER_PIXEL", 0):
        transformed = nearest(one, other, spacing)
    for axis in (0, 1):
        assert np.array_equal(found[axis], transformed[axis])
        smallest = expected.min(axis=1 - axis)
        if spacing == (1.0, 1.0):
            assert np.array_equal(found[axis], smallest)
        assert found[axis] == pytest.approx(smallest, rel=1e-12)


def test_empty_masks_have_no_distances():
    with pytest.raises(ValueError, match="empty"):
        _all(MASKS["disc"], MASKS["empty"])
    with pytest.raises(ValueError, match="empty"):
        MaskPair(MASKS["disc"], MASKS["empty"]).surfaces("contour", "px")
