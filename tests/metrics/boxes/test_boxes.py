"""Boxes from maps, their overlap, scores of one image, lesions, FROC: on a grid, by properties."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from torchvision import ops

from fidelity.masks.boxes import fill_boxes
from fidelity.metrics.boxes import froc
from fidelity.metrics.boxes.accuracy import accuracy_at, lesion_recall
from fidelity.metrics.boxes.froc import Froc
from fidelity.metrics.boxes.from_maps import BoxRule, boxes_of_map, boxes_of_mask, chestxray8_boxes
from fidelity.metrics.boxes.geometry import box_iobb, box_iou, generalized_iou
from fidelity.metrics.boxes.lesions import components_found
from fidelity.metrics.boxes.one_case import BoxCase
from fidelity.settings.statistics import Boxes
from tests.helpers.box_grid import MAPS, REFERENCES, SHAPE

MAP = arrays(np.float32, (6, 8), elements=st.sampled_from([0, 0.25, 0.3, 0.6, 0.61, 1]))
RULES = st.builds(
    BoxRule,
    st.sampled_from([0, 0.25, 0.5, 0.9]),
    st.sampled_from(["maximum", "absolute"]),
    st.sampled_from([4, 8]),
    st.sampled_from(["all", "largest"]),
)
SIDE = st.integers(0, 12)
BOX = st.builds(lambda y, x, h, w: (y, x, y + h + 1, x + w + 1), SIDE, SIDE, SIDE, SIDE)
USUAL_RATES = Boxes().false_positives


def as_boxes(boxes):
    return np.array(boxes, float).reshape(-1, 4)


BOXES = st.lists(BOX, max_size=4).map(as_boxes)


def _masks(boxes):
    return [fill_boxes([box], (40, 40)) for box in boxes]


@given(BOXES, BOXES)
def test_overlap_is_that_of_the_filled_boxes(predicted, reference):
    iou, iobb = box_iou(predicted, reference), box_iobb(predicted, reference)
    for i, a in enumerate(_masks(predicted)):
        for j, b in enumerate(_masks(reference)):
            assert iou[i, j] == pytest.approx((a & b).sum() / (a | b).sum())
            assert iobb[i, j] == pytest.approx((a & b).sum() / a.sum())
    theirs = ops.generalized_box_iou(torch.from_numpy(predicted), torch.from_numpy(reference))
    assert generalized_iou(predicted, reference) == pytest.approx(theirs.numpy())


def test_a_box_without_an_area_overlaps_nothing():
    flat, box = as_boxes([(1, 1, 1, 5)]), as_boxes([(0, 0, 4, 4)])
    assert box_iou(flat, flat) == box_iobb(flat, box) == box_iou(flat, box) == 0


@given(MAP, RULES)
def test_boxes_are_those_of_scipys_components(map01, rule):
    boxes, scores = boxes_of_map(map01, rule)
    limit = rule.threshold * (map01.max() if rule.of == "maximum" else 1)
    structure = ndimage.generate_binary_structure(2, rule.connectivity // 4)
    labels, number = ndimage.label(map01 > np.float32(limit), structure)
    expected = [
        (
            -int((labels == label).sum()),
            (part[0].start, part[1].start, part[0].stop, part[1].stop),
            map01[labels == label].mean(dtype=float),
        )
        for label, part in enumerate(ndimage.find_objects(labels), 1)
    ]
    if rule.keep == "largest":
        expected = sorted(expected, key=lambda part: part[0])[:1]
        assert len(boxes) == min(1, number)
        assert not expected or -expected[0][0] == (labels > 0).sum() or len(boxes) == 1
    else:
        found = sorted(zip(map(tuple, boxes), scores, strict=True))
        assert [box for box, _ in found] == sorted(box for _, box, _ in expected)
        assert sorted(scores) == pytest.approx(sorted(score for *_, score in expected))
    # Unless the map is zero, its highest pixel is in a box.
    if rule.of == "maximum":
        assert (len(boxes) > 0) == map01.any()


@pytest.mark.parametrize(
    ("name", "rule", "boxes"),
    [
        ("none", BoxRule(), []),
        ("whole", BoxRule(), [(0, 0, 40, 48)]),
        ("pixel", BoxRule(), [(11, 13, 12, 14)]),
        # Pixels that touch only at a corner are joined or not, by connectivity.
        ("checks", BoxRule(0.5, connectivity=8, keep="largest"), [(4, 6, 6, 8)]),
        ("checks", BoxRule(0.5, connectivity=4, keep="largest"), [(4, 6, 5, 7)]),
        # Half of the maximum 0.5 is 0.25, which some pixels exceed. No pixel exceeds 0.5.
        ("low", BoxRule(0.5, "absolute"), []),
        ("low", BoxRule(0.5), [(12, 11, 25, 30)]),
        # 8 rows or 12 columns from the corner, the hill has 128 of 255.
        ("border", BoxRule(), [(0, 35, 9, 48)]),
    ],
)
def test_boxes_of_the_grid(name, rule, boxes):
    found, scores = boxes_of_map(MAPS[name], rule)
    assert [tuple(box) for box in found] == boxes
    assert len(scores) == len(boxes)


@pytest.mark.parametrize("name", REFERENCES)
def test_boxes_of_masks(name):
    if name not in ("overlapping", "many"):
        mask = fill_boxes(REFERENCES[name], SHAPE)
        assert [tuple(box) for box in boxes_of_mask(mask)] == REFERENCES[name]


def _case(predicted, reference, map01=MAPS["one"], **more):
    return BoxCase(
        as_boxes(predicted), np.linspace(1, 0.5, len(predicted)), as_boxes(reference), map01, **more
    )


SCORES = ("iou", "iobb", "corloc", "recall", "energy", "pointing", "pointing_tolerance")


@pytest.mark.parametrize("map_name", MAPS)
@pytest.mark.parametrize("reference", REFERENCES)
def test_scores_of_a_case(map_name, reference):
    map01 = MAPS[map_name]
    boxes, scores = boxes_of_map(map01, BoxRule())
    case = BoxCase(boxes, scores, as_boxes(REFERENCES[reference]), map01)
    values = {name: getattr(case, name) for name in SCORES}
    if reference == "none":
        assert all(map(math.isnan, values.values()))
        return
    assert all(0 <= value <= 1 for value in values.values())
    if map_name == "none":
        assert not any(values.values())
    assert values["iou"] <= values["iobb"]
    assert values["corloc"] <= values["iou"]
    if reference == "whole" and map01.any():
        assert values["iobb"] == values["energy"] == values["pointing"] == 1
    inside = fill_boxes(REFERENCES[reference], SHAPE)
    if map01.any():
        share = map01[inside].sum(dtype=float) / map01.sum(dtype=float)
        assert values["energy"] == pytest.approx(share)


def test_the_tolerance_is_torchrays():
    """TorchRay: the disc of radius 15 around the point, without its outline, touches the mask."""
    point = np.zeros((60, 60), np.float32)
    point[30, 10] = 1
    for distance, hit in ((14, 1), (15, 0)):
        left = 10 + distance
        case = _case([], [(28, left, 33, left + 5)], point)
        assert case.pointing_tolerance == hit
        assert case.pointing == 0


def test_lesions_are_found_by_centre_or_iou():
    lesions = [(0, 0, 10, 10), (20, 20, 30, 30)]
    wide = [(0, 0, 18, 18)]  # its centre (9, 9) is in the first lesion; its IoU is 100 / 324
    assert _case(wide, lesions).recall == 0.5
    assert _case(wide, lesions, hit=0.3).recall == 0.5
    assert _case(wide, lesions, hit=0.4).recall == 0
    assert _case([*wide, lesions[1]], lesions).recall == 1


def test_components_are_found_where_they_are_touched():
    reference = fill_boxes([(0, 0, 3, 3), (3, 3, 5, 5), (10, 10, 12, 12)], (20, 20))
    prediction = fill_boxes([(2, 2, 3, 3)], (20, 20))
    # The first two touch at a corner, so they are one lesion.
    assert components_found(reference, prediction) == (1, 2)
    assert components_found(reference, ~reference) == (0, 2)
    assert components_found(np.zeros_like(reference), prediction) == (0, 0)


def test_accuracy_at_t_is_strict_and_skips_images_without_reference():
    overlaps = np.array([0.5, 0.51, 0.0, math.nan])
    once = np.ones((1, 4))
    assert accuracy_at(overlaps, 0.5)(once) == 1 / 3
    assert accuracy_at(overlaps, 0.49)(once) == 2 / 3
    assert np.isnan(accuracy_at(overlaps[3:], 0.5)(once[:, 3:]))
    assert lesion_recall(np.array([1, 0]), np.array([2, 1]))(np.array([[1, 1], [2, 0]])) == (
        pytest.approx([1 / 3, 1 / 2])
    )


IMAGES = st.lists(
    st.tuples(st.lists(st.tuples(BOX, st.sampled_from([0.2, 0.4, 0.6, 0.9])), max_size=4), BOXES),
    min_size=1,
    max_size=4,
)


@pytest.fixture(autouse=True, scope="module")
def _small_blocks():
    """Use small blocks, so that a few boxes fill several blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(froc, "BLOCK", 2)
        yield


def _froc(images, hit):
    return Froc(
        [as_boxes([box for box, _ in predicted]) for predicted, _ in images],
        [np.array([score for _, score in predicted]) for predicted, _ in images],
        [lesions for _, lesions in images],
        hit,
    )


def _counted(images, hit, rate):
    """Count again at every threshold on the scores."""
    lesions = sum(len(reference) for _, reference in images)
    best = 0.0
    for limit in {2.0, *(score for predicted, _ in images for _, score in predicted)}:
        found = false = 0
        for predicted, reference in images:
            boxes = [box for box, score in predicted if score >= limit]
            case = _case(boxes, reference, hit=hit)
            found += case.found
            false += sum(not _case([box], reference, hit=hit).found for box in boxes)
        if false / len(images) <= rate and lesions:
            best = max(best, found / lesions)
    return best if lesions else math.nan


@given(IMAGES, st.sampled_from(["centre", 0.1, 0.5]), st.sampled_from(USUAL_RATES))
def test_froc_is_that_of_every_threshold(images, hit, rate):
    value = _froc(images, hit).sensitivity(rate)(np.ones((1, len(images))))[0]
    assert value == pytest.approx(_counted(images, hit, rate), nan_ok=True)


@given(IMAGES, st.data())
def test_froc_of_weights_is_that_of_repeated_images(images, data):
    weights = data.draw(
        st.lists(st.integers(0, 3), min_size=len(images), max_size=len(images)).filter(any)
    )
    repeated = [image for image, n in zip(images, weights, strict=True) for _ in range(n)]
    expected = _froc(repeated, "centre").sensitivity(*USUAL_RATES)(np.ones((1, len(repeated))))
    value = _froc(images, "centre").sensitivity(*USUAL_RATES)(np.array([weights]))
    assert value == pytest.approx(expected, nan_ok=True)


def test_froc_by_hand():
    lesion = (0, 0, 10, 10)
    images = [
        ([(lesion, 0.9), ((20, 20, 30, 30), 0.8), (lesion, 0.7)], as_boxes([lesion])),
        ([((20, 20, 30, 30), 0.6)], as_boxes([lesion])),
    ]
    false, found = _froc(images, "centre").curve(np.ones((1, 2)))
    # A second box on a lesion is not counted.
    assert false.tolist() == [[0, 0, 0.5, 0.5, 1]]
    assert found.tolist() == [[0, 0.5, 0.5, 0.5, 0.5]]


def test_chestxray8_takes_the_boxes_of_both_thresholds():
    map01 = np.zeros((30, 30), np.float32)
    map01[5:15, 5:15] = 61 / 255
    map01[8:10, 8:10] = 1
    map01[20:25, 20:25] = 60 / 255  # Not above 60.
    assert chestxray8_boxes(map01).tolist() == [[5, 5, 15, 15], [8, 8, 10, 10]]
    assert chestxray8_boxes(np.zeros_like(map01)).shape == (0, 4)
    # A map of one value has the same box above either threshold.
    assert chestxray8_boxes(np.ones_like(map01)).tolist() == [[0, 0, 30, 30]]
