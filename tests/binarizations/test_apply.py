import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from lime.lime_image import ImageExplanation
from PIL import Image, ImageDraw

from fidelity.base.errors import InputError
from fidelity.binarizations.apply import binarize
from fidelity.binarizations.registry import RULES
from fidelity.binarizations.superpixels import Superpixels, superpixels_of
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.maps.pixel_frames import frame_of
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.metrics import overlap
from fidelity.metrics.map_metrics import MapPair
from fidelity.metrics.map_registry import RANKING
from fidelity.settings.binarizations import SuperpixelRule
from tests.helpers import entries

RULE_SETTINGS = [
    {"method": "fixed", "threshold": 0.0},
    {"method": "fixed", "threshold": 0.5},
    {"method": "percentile", "percentile": 0},
    {"method": "percentile", "percentile": 80},
    {"method": "percentile", "percentile": 80, "ties": "excluded"},
    {"method": "otsu"},
    {"method": "tuned", "metric": "iou", "thresholds": None},
    {"method": "area_matched"},
    {"method": "oracle", "metric": "iou"},
    {"method": "oracle", "metric": "dice"},
    {"method": "superpixels", "top": 3, "min_weight": 0.0, "superpixels": {"algorithm": "slic"}},
    {"method": "chexlocalize_otsu"},
    {"method": "boxes", "keep": "largest"},
]
ABOVE_THRESHOLD = {"fixed", "otsu", "tuned", "oracle"}
MAPS = arrays(np.float32, (9, 11), elements=st.floats(0, 1, width=32))
TIED = arrays(np.float32, (9, 11), elements=st.sampled_from([0, 0.2, 0.25, 0.6, 1]))
REFERENCES = arrays(bool, (9, 11))


def _given(map01, reference=None):
    """Return all inputs that a rule may need, with 3 × 3 blocks as superpixels."""
    rows, columns = np.indices(map01.shape) // 3
    labels = np.unique(rows * 100 + columns, return_inverse=True)[1].reshape(map01.shape)
    weights = np.bincount(labels.ravel(), map01.ravel()) / np.bincount(labels.ravel())
    if reference is None:
        reference = np.zeros(map01.shape, bool)
        reference[2:6, 2:7] = True
    superpixels = Superpixels(labels.astype(np.int32), weights)
    return {"reference": reference, "threshold": 0.4, "superpixels": superpixels}


def _mask(map01, settings, kind="dense", reference=None):
    return binarize(map01, kind, entries.rule(settings), **_given(map01, reference))


def test_every_rule_is_tested_here():
    assert {settings["method"] for settings in RULE_SETTINGS} == set(RULES)


def test_the_rules_that_see_the_reference():
    assert {name for name, rule in RULES.items() if rule.uses_reference} == {
        "area_matched",
        "oracle",
    }


@pytest.mark.parametrize("settings", RULE_SETTINGS)
def test_a_zero_map_gives_an_empty_mask(settings):
    assert not _mask(np.zeros((8, 8), np.float32), settings)[0].any()


@pytest.mark.parametrize("settings", RULE_SETTINGS)
def test_a_binary_map_is_its_own_mask(settings):
    lung = np.zeros((8, 8), np.float32)
    lung[2:7, 1:6] = 1
    mask, threshold = binarize(lung, "binary", entries.rule(settings))
    assert np.array_equal(mask, lung == 1)
    assert threshold == 0.5


@pytest.mark.parametrize("settings", RULE_SETTINGS)
@given(map01=st.one_of(MAPS, TIED), reference=REFERENCES)
def test_the_mask_is_what_lies_above_the_threshold_reported(settings, map01, reference):
    mask, threshold = _mask(map01, settings, reference=reference)
    assert mask.dtype == bool
    assert mask.shape == map01.shape
    if settings["method"] in ABOVE_THRESHOLD or settings.get("ties") == "excluded":
        assert np.array_equal(mask, map01 > np.float32(threshold))
    elif settings["method"] in ("percentile", "area_matched") and map01.any():
        assert not (mask & (map01 < np.float32(threshold))).any()
        assert not (~mask & (map01 > np.float32(threshold))).any()


@pytest.mark.parametrize("needed", ["reference", "threshold", "superpixels"])
def test_a_rule_must_be_given_what_it_needs(needed):
    map01 = np.zeros((8, 8), np.float32)
    for settings in RULE_SETTINGS:
        if needed in RULES[settings["method"]].needs:
            with pytest.raises(ValueError, match=needed):
                binarize(map01, "dense", entries.rule(settings))


def test_a_pixel_at_the_fixed_threshold_is_out():
    map01 = np.array([[0.6, np.nextafter(np.float32(0.6), 1)]], np.float32)
    mask, _ = binarize(map01, "grid", entries.rule({"method": "fixed", "threshold": 0.6}))
    assert mask.tolist() == [[False, True]]


@pytest.mark.parametrize(("percentile", "expected"), [(0, 999), (50, 500), (80, 200), (99.9, 1)])
def test_percentile_keeps_the_share_asked_for(percentile, expected):
    map01 = np.random.default_rng(1).permutation(1000).reshape(20, 50).astype(np.float32) / 999
    mask, _ = binarize(
        map01, "dense", entries.rule({"method": "percentile", "percentile": percentile})
    )
    assert mask.sum() == expected


@pytest.mark.parametrize(("percentile", "size"), [(99.901, (20, 50)), (99.9985, (256, 256))])
def test_a_percentile_above_the_last_pixel_is_refused(percentile, size):
    """Every mask would be empty. The largest percentile that the error names keeps one pixel."""
    settings = {"method": "percentile", "percentile": percentile}
    map01 = np.random.default_rng(1).random(size, np.float32)
    with pytest.raises(InputError, match=rf"less than one of the {map01.size} pixels") as error:
        binarize(map01, "dense", entries.rule(settings))
    largest = float(error.value.remedy.removeprefix("Use at most "))
    mask, _ = binarize(map01, "dense", entries.rule({**settings, "percentile": largest}))
    assert mask.sum() == 1


@given(map01=MAPS, percentile=st.floats(0, 98.98))
def test_percentile_never_keeps_more(map01, percentile):
    mask, _ = binarize(
        map01, "dense", entries.rule({"method": "percentile", "percentile": percentile})
    )
    assert mask.sum() <= map01.size * (100 - percentile) / 100 + 1e-6


@given(map01=TIED, percentile=st.floats(0, 98.98))
def test_a_percentile_with_shuffled_ties_keeps_just_the_share(map01, percentile):
    mask, _ = _mask(map01, {"method": "percentile", "percentile": percentile})
    # The share is rounded as in the rule: 98.9999999 pixels count as 99.
    share = int(round(map01.size * (100 - percentile) / 100, 6))
    assert mask.sum() == min(share, np.count_nonzero(map01))
    assert not mask[map01 == 0].any()


def test_ties_at_the_percentile_can_be_left_out():
    map01 = np.zeros((10, 10), np.float32)
    map01[:1], map01[1:4] = 1.0, 0.5
    settings = {"method": "percentile", "percentile": 80, "ties": "excluded"}
    mask, threshold = binarize(map01, "superpixels", entries.rule(settings))
    assert threshold == 0.5
    assert mask.sum() == 10
    mask, threshold = binarize(map01, "superpixels", entries.rule({**settings, "ties": "shuffled"}))
    assert threshold == 0.5
    assert mask.sum() == 20


@given(map01=st.one_of(MAPS, TIED), reference=REFERENCES)
def test_area_matched_has_the_area_of_the_reference(map01, reference):
    mask, _ = _mask(map01, {"method": "area_matched"}, reference=reference)
    assert mask.sum() == (reference.sum() if map01.any() else 0)


@pytest.mark.parametrize("metric", ["iou", "dice"])
@given(map01=st.one_of(MAPS, TIED), reference=REFERENCES)
def test_no_threshold_beats_the_oracle(metric, map01, reference):
    formula = getattr(overlap, metric)
    mask, _ = _mask(map01, {"method": "oracle", "metric": metric}, reference=reference)
    if not reference.any():
        assert not mask.any()
        return
    score = formula(overlap.confusion(reference, mask))
    if metric == "iou":
        assert score == RANKING["best_iou"].function(MapPair(map01, reference))
    for threshold in np.union1d(map01, np.linspace(0, 1, 7)):
        other = formula(overlap.confusion(reference, map01 > np.float32(threshold)))
        assert score >= other


def test_otsu_is_that_of_opencv():
    rng = np.random.default_rng(2)
    map01 = cv2.GaussianBlur(rng.random((64, 64)).astype(np.float32), (0, 0), 4)
    map01 = (map01 - map01.min()) / (map01.max() - map01.min())
    grey = np.uint8(255 * map01)
    _, expected = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask, threshold = binarize(map01, "grid", entries.rule({"method": "otsu"}))
    assert np.array_equal(mask, expected > 0)
    assert 0 < threshold < 1


def _chexlocalize(map01):
    """Repeat the steps of CheXlocalize's code on a normalised map, one by one."""
    grey = np.uint8(255 * map01)
    level = cv2.threshold(grey, 0, grey.max(), cv2.THRESH_OTSU)[1]
    contours = cv2.findContours(level, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    canvas = Image.new("1", grey.shape[::-1])
    for contour in contours:
        if len(contour) > 1:
            points = [(point[0][0], point[0][1]) for point in contour]
            ImageDraw.Draw(canvas).polygon(points, outline=1, fill=1)
    return np.array(canvas, dtype="int") == 1


def _is_theirs(map01):
    mask, _ = binarize(map01, "grid", entries.rule({"method": "chexlocalize_otsu"}))
    assert np.array_equal(mask, _chexlocalize(map01))


@pytest.mark.parametrize("sigma", [0.5, 1, 3, 9])
@pytest.mark.parametrize("seed", range(10))
def test_chexlocalize_otsu_is_that_of_its_code(sigma, seed):
    rng = np.random.default_rng(seed)
    map01 = cv2.GaussianBlur(rng.random((90, 70)).astype(np.float32), (0, 0), sigma)
    _is_theirs((map01 - map01.min()) / (map01.max() - map01.min()))


@given(arrays(bool, st.tuples(st.integers(2, 20), st.integers(2, 20))))
def test_chexlocalize_otsu_fills_every_shape_as_its_code_does(mask):
    assume(mask.any())
    _is_theirs(mask.astype(np.float32))


def test_chexlocalize_otsu_fills_holes_and_drops_single_pixels():
    map01 = np.zeros((40, 50), np.float32)
    map01[5:25, 5:25], map01[10:15, 10:15], map01[35, 40] = 1, 0, 1
    mask, _ = binarize(map01, "dense", entries.rule({"method": "chexlocalize_otsu"}))
    assert mask[5:25, 5:25].all()
    assert mask.sum() == 400


@pytest.mark.parametrize(("top", "least"), [(1, 0.0), (5, 0.0), (5, 0.4), (50, 0.0), (3, -1.0)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_superpixels_are_those_that_lime_shows(seed, top, least):
    rng = np.random.default_rng(seed)
    segments = rng.integers(0, 20, (16, 12))
    weights = rng.normal(size=20)
    shown = ImageExplanation(np.zeros((16, 12, 3)), segments)
    order = np.argsort(-np.abs(weights))
    shown.local_exp[0] = [(int(label), float(weights[label])) for label in order]
    _, expected = shown.get_image_and_mask(0, num_features=top, min_weight=least)
    # A config may not have a weight below 0. Even then, only positive weights are kept.
    settings = SuperpixelRule.model_construct(top=top, min_weight=least)
    superpixels = Superpixels(segments.astype(np.int32), weights)
    map01 = np.zeros(segments.shape, np.float32)
    mask, threshold = binarize(
        map01, "superpixels", entries.rule(settings), superpixels=superpixels
    )
    assert np.array_equal(mask, expected == 1)
    assert np.isnan(threshold)


def _case(image, box, size):
    return PreparedCase("c", "p", "test", ("A",), image, None, size, box, {}, None, "0")


def test_a_map_without_superpixels_is_averaged_over_those_of_the_image():
    image = np.zeros((32, 32), np.uint8)
    image[:, 16:], image[16:] = 120, 250
    values = np.random.default_rng(1).normal(size=(32, 32)).astype(np.float32)
    algorithm = {"algorithm": "slic", "n_segments": 6, "compactness": 1}
    case = _case(image, (0, 4, 32, 36), (32, 40))
    frame = frame_of(case, "original")
    saliency = SaliencyMap("dense", values)
    found = superpixels_of(saliency, case, frame, "positive", algorithm, 1)
    segments = segment(rgb_image(image), algorithm, 1)
    assert np.array_equal(found.labels[:, 4:36], segments)
    assert (found.labels[:, :4] == -1).all()
    assert (found.labels[:, 36:] == -1).all()
    for label, weight in enumerate(found.weights):
        assert weight == pytest.approx(np.maximum(values, 0)[segments == label].mean())
    settings = {"method": "superpixels", "top": 99, "superpixels": algorithm}
    mask, _ = binarize(
        np.zeros((32, 40), np.float32), "dense", entries.rule(settings), superpixels=found
    )
    assert mask[:, 4:36].all()
    assert mask.sum() == 32 * 32


def test_a_map_of_superpixels_keeps_its_own():
    segments = np.arange(16).reshape(4, 4) // 4
    saliency = SaliencyMap("superpixels", np.array([-1.0, 2.0, 0.5, 0.0]), segments)
    case = _case(np.zeros((4, 4), np.uint8), (0, 0, 8, 8), (8, 8))
    frame = frame_of(case, "original")
    found = superpixels_of(saliency, case, frame, "positive", {"algorithm": "slic"}, 1)
    assert found.weights.tolist() == [0, 2, 0.5, 0]
    assert np.array_equal(found.labels, np.repeat(np.repeat(segments, 2, 0), 2, 1))


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "fixed", "threshold": 1.0},
        {"method": "fixed", "threshold": -0.1},
        {"method": "percentile", "percentile": 100},
        {"method": "percentile", "percentile": 50, "ties": "first"},
        {"method": "otsuu"},
    ],
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(InputError):
        binarize(np.zeros((4, 4), np.float32), "dense", entries.rule(settings))


def test_boxes_are_filled():
    map01 = np.zeros((8, 9), np.float32)
    map01[1:4, 2] = map01[3, 2:6] = 0.6
    map01[6, 7] = 1
    largest = binarize(map01, "dense", entries.rule({"method": "boxes", "keep": "largest"}))[0]
    assert np.argwhere(largest).min(axis=0).tolist() == [1, 2]
    assert largest.sum() == 3 * 4
    assert binarize(map01, "dense", entries.rule({"method": "boxes"}))[0].sum() == 3 * 4 + 1
    found, threshold = binarize(
        0.5 * map01, "dense", entries.rule({"method": "boxes", "threshold": 0.7})
    )
    assert found.sum() == 1
    assert threshold == pytest.approx(0.35)
    assert not binarize(
        0.5 * map01, "dense", entries.rule({"method": "boxes", "threshold": 0.7, "of": "absolute"})
    )[0].any()
