import cv2
import numpy as np
import pytest
from scipy import ndimage

from fidelity.base.errors import InputError
from fidelity.binarizations.postprocess import is_pointwise, postprocess
from tests.helpers import entries
from tests.helpers.mask_grid import MASKS


@pytest.mark.parametrize("name", MASKS)
def test_nothing_asked_changes_nothing_and_copies(name):
    mask = MASKS[name]
    result = postprocess(mask, None, entries.steps({"lung": False, "median": 0}))
    assert np.array_equal(result, mask)
    assert result is not mask


@pytest.mark.parametrize("side", [3, 5, 7])
@pytest.mark.parametrize("name", MASKS)
def test_median_is_the_majority_of_the_square(name, side):
    expected = ndimage.median_filter(MASKS[name].astype(np.uint8), side, mode="nearest")
    assert np.array_equal(
        postprocess(MASKS[name], None, entries.steps({"median": side})), expected.astype(bool)
    )


@pytest.mark.parametrize("least", [1, 2, 60, 0.01, 0.5])
@pytest.mark.parametrize("name", MASKS)
def test_small_components_go(name, least):
    mask = MASKS[name]
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    pixels = least * mask.size if least < 1 else least
    expected = np.zeros_like(mask)
    for label in range(1, count + 1):
        if (labels == label).sum() >= pixels:
            expected |= labels == label
    assert np.array_equal(
        postprocess(mask, None, entries.steps({"min_component": least})), expected
    )


def test_components_touch_by_corners():
    mask = np.eye(8, dtype=bool)
    assert postprocess(mask, None, entries.steps({"min_component": 8})).sum() == 8


def test_lung_comes_before_the_median():
    lung, mask = MASKS["disc"], MASKS["noise"]
    expected = cv2.medianBlur((mask & lung).astype(np.uint8), 5).astype(bool)
    assert np.array_equal(
        postprocess(mask, lung, entries.steps({"lung": True, "median": 5})), expected
    )


@pytest.mark.parametrize("radius", [1, 2, 4])
@pytest.mark.parametrize("name", MASKS)
def test_opening_keeps_what_a_disc_fits_into(name, radius):
    mask = MASKS[name]
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = rows**2 + columns**2 <= radius**2
    # Beyond its border, the image counts as foreground, so nothing is eroded from the border.
    eroded = ndimage.binary_erosion(mask, disc, border_value=1)
    expected = ndimage.binary_dilation(eroded, disc)
    assert np.array_equal(postprocess(mask, None, entries.steps({"opening": radius})), expected)


@pytest.mark.parametrize("name", MASKS)
def test_holes_are_what_the_border_does_not_reach(name):
    mask = MASKS[name]
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    expected = (labels != labels[0, 0])[1:-1, 1:-1]
    assert np.array_equal(postprocess(mask, None, entries.steps({"fill_holes": True})), expected)


def test_a_ring_is_filled():
    assert postprocess(MASKS["ring"], None, entries.steps({"fill_holes": True}))[20, 22]


def test_steps_come_in_the_declared_order():
    steps = {"lung": True, "median": 3, "opening": 1, "fill_holes": True, "min_component": 9}
    expected = MASKS["noise"]
    for step, value in steps.items():
        expected = postprocess(expected, MASKS["disc"], entries.steps({step: value}))
    assert np.array_equal(
        postprocess(MASKS["noise"], MASKS["disc"], entries.steps(steps)), expected
    )
    backwards = MASKS["noise"]
    for step, value in reversed(steps.items()):
        backwards = postprocess(backwards, MASKS["disc"], entries.steps({step: value}))
    assert not np.array_equal(backwards, expected)


@pytest.mark.parametrize(
    ("step", "value"), [("median", 3), ("opening", 3), ("fill_holes", True), ("min_component", 3)]
)
def test_steps_that_look_at_neighbours_are_not_pointwise(step, value):
    assert is_pointwise(entries.steps({"lung": True, step: type(value)(0)}))
    assert not is_pointwise(entries.steps({"lung": True, step: value}))


def test_restriction_needs_a_lung_mask():
    with pytest.raises(InputError, match=r"postprocess\.lung"):
        postprocess(MASKS["disc"], None, entries.steps({"lung": True}))


@pytest.mark.parametrize(
    "settings", [{"median": 4}, {"median": -3}, {"min_component": -1}, {"opening": -1}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        postprocess(MASKS["disc"], None, entries.steps(settings))
