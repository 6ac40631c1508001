import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fidelity.binarizations import binarize
from fidelity.binarizations.registry import RULES
from fidelity.errors import InputError

RULE_SETTINGS = [
    {"method": "fixed", "threshold": 0.0},
    {"method": "fixed", "threshold": 0.5},
    {"method": "percentile", "percentile": 0},
    {"method": "percentile", "percentile": 80},
    {"method": "otsu"},
]
MAPS = arrays(np.float32, (9, 11), elements=st.floats(0, 1, width=32))


def test_every_rule_is_tested_here():
    assert {settings["method"] for settings in RULE_SETTINGS} == set(RULES)


@pytest.mark.parametrize("settings", RULE_SETTINGS)
def test_a_zero_map_gives_an_empty_mask(settings):
    assert not binarize(np.zeros((8, 8), np.float32), "dense", settings)[0].any()


@pytest.mark.parametrize("settings", RULE_SETTINGS)
def test_a_binary_map_is_its_own_mask(settings):
    lung = np.zeros((8, 8), np.float32)
    lung[2:7, 1:6] = 1
    mask, threshold = binarize(lung, "binary", settings)
    assert np.array_equal(mask, lung == 1)
    assert threshold == 0.5


@pytest.mark.parametrize("settings", RULE_SETTINGS)
@given(map01=MAPS)
def test_the_mask_is_what_lies_above_the_threshold_reported(settings, map01):
    mask, threshold = binarize(map01, "dense", settings)
    assert mask.dtype == bool
    assert np.array_equal(mask, map01 > np.float32(threshold))


def test_a_pixel_at_the_fixed_threshold_is_out():
    map01 = np.array([[0.6, np.nextafter(np.float32(0.6), 1)]], np.float32)
    mask, _ = binarize(map01, "grid", {"method": "fixed", "threshold": 0.6})
    assert mask.tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("percentile", "expected"), [(0, 999), (50, 500), (80, 200), (99.9, 1), (99.95, 0)]
)
def test_percentile_keeps_the_share_asked_for(percentile, expected):
    map01 = np.random.default_rng(1).permutation(1000).reshape(20, 50).astype(np.float32) / 999
    mask, _ = binarize(map01, "dense", {"method": "percentile", "percentile": percentile})
    assert mask.sum() == expected


@given(map01=MAPS, percentile=st.floats(0, 99.99))
def test_percentile_never_keeps_more(map01, percentile):
    mask, _ = binarize(map01, "dense", {"method": "percentile", "percentile": percentile})
    assert mask.sum() <= map01.size * (100 - percentile) / 100 + 1e-6


def test_ties_at_the_percentile_are_left_out():
    map01 = np.zeros((10, 10), np.float32)
    map01[:1], map01[1:4] = 1.0, 0.5
    mask, threshold = binarize(map01, "superpixels", {"method": "percentile", "percentile": 80})
    assert threshold == 0.5
    assert mask.sum() == 10


def test_otsu_is_that_of_opencv():
    rng = np.random.default_rng(2)
    map01 = cv2.GaussianBlur(rng.random((64, 64)).astype(np.float32), (0, 0), 4)
    map01 = (map01 - map01.min()) / (map01.max() - map01.min())
    grey = np.uint8(255 * map01)
    _, expected = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask, threshold = binarize(map01, "grid", {"method": "otsu"})
    assert np.array_equal(mask, expected > 0)
    assert 0 < threshold < 1


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "fixed", "threshold": 1.0},
        {"method": "fixed", "threshold": -0.1},
        {"method": "percentile", "percentile": 100},
        {"method": "otsuu"},
    ],
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(InputError):
        binarize(np.zeros((4, 4), np.float32), "dense", settings)
