import cv2
import numpy as np
import pytest
from scipy import ndimage

from fidelity.errors import InputError
from fidelity.postprocess import postprocess
from mask_grid import MASKS


@pytest.mark.parametrize("name", MASKS)
def test_nothing_asked_changes_nothing_and_copies(name):
    mask = MASKS[name]
    result = postprocess(mask, None, {"sign": "positive", "lung": False, "median": 0})
    assert np.array_equal(result, mask)
    assert result is not mask


@pytest.mark.parametrize("side", [3, 5, 7])
@pytest.mark.parametrize("name", MASKS)
def test_median_is_the_majority_of_the_square(name, side):
    expected = ndimage.median_filter(MASKS[name].astype(np.uint8), side, mode="nearest")
    assert np.array_equal(postprocess(MASKS[name], None, {"median": side}), expected.astype(bool))


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
    assert np.array_equal(postprocess(mask, None, {"min_component": least}), expected)


def test_components_touch_by_corners():
    mask = np.eye(8, dtype=bool)
    assert postprocess(mask, None, {"min_component": 8}).sum() == 8


def test_lung_comes_before_the_median():
    lung, mask = MASKS["disc"], MASKS["noise"]
    expected = cv2.medianBlur((mask & lung).astype(np.uint8), 5).astype(bool)
    assert np.array_equal(postprocess(mask, lung, {"lung": True, "median": 5}), expected)


def test_restriction_needs_a_lung_mask():
    with pytest.raises(InputError, match=r"postprocess\.lung"):
        postprocess(MASKS["disc"], None, {"lung": True})


@pytest.mark.parametrize("settings", [{"median": 4}, {"median": -3}, {"min_component": -1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        postprocess(MASKS["disc"], None, settings)
