"""Null baselines have their defined form, and ignore what they should ignore."""

import dataclasses

import numpy as np
import pytest

from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import centre_prior, heart_mask, lung_mask, random_superpixels
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.maps.saliency_map import render
from fidelity.masks.run_lengths import decode, encode
from fidelity.settings.explainers import CentrePrior, HeartMask, LungMask, RandomSuperpixels
from fidelity.settings.superpixels import Quickshift

CONTEXT = Context(None, 8, 1, "x")
SUPERPIXELS = Quickshift()


def test_lung_mask_is_the_lung(cases):
    (explanation,) = lung_mask.make(CONTEXT, LungMask())([Task(cases[0], "a", None)])
    rendered = render(explanation.map, cases[0].box, cases[0].native_size)
    np.testing.assert_array_equal(rendered, decode(cases[0].lung_native))


def test_lung_mask_within_a_crop(cases):
    cropped = dataclasses.replace(cases[0], box=(8, 8, 56, 40))
    (explanation,) = lung_mask.make(CONTEXT, LungMask())([Task(cropped, "a", None)])
    rendered = render(explanation.map, cropped.box, cropped.native_size).astype(bool)
    expected = decode(cases[0].lung_native).copy()
    expected[:, 40:] = False
    np.testing.assert_array_equal(rendered, expected)


def test_lung_mask_without_a_lung(cases):
    bare = dataclasses.replace(cases[0], lung_native=None)
    with pytest.raises(ValueError, match="no lung mask"):
        lung_mask.make(CONTEXT, LungMask())([Task(bare, "a", None)])


def test_masks_answer_the_cases_that_have_them(cases):
    heart = np.zeros(cases[0].native_size, bool)
    heart[20:30, 12:22] = True
    with_heart = dataclasses.replace(cases[0], organs={"heart": encode(heart)})
    task = Task(with_heart, "a", None)
    assert heart_mask.has_answer(task, HeartMask())
    (explanation,) = heart_mask.make(CONTEXT, HeartMask())([task])
    rendered = render(explanation.map, with_heart.box, with_heart.native_size)
    np.testing.assert_array_equal(rendered, heart)
    assert not heart_mask.has_answer(Task(cases[0], "a", None), HeartMask())
    assert lung_mask.has_answer(task, LungMask())
    bare = dataclasses.replace(cases[0], lung_native=None)
    assert not lung_mask.has_answer(Task(bare, "a", None), LungMask())


def test_centre_prior_is_one_symmetric_map_for_all(cases):
    maps = [
        e.map.values
        for e in centre_prior.make(CONTEXT, CentrePrior())([Task(c, "a", None) for c in cases])
    ]
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_allclose(maps[0], maps[0][::-1, ::-1])
    np.testing.assert_allclose(maps[0], maps[0].T)
    # At a distance of one sigma from the centre, the Gaussian equals exp(-1/2).
    wide = dataclasses.replace(cases[0], image=np.zeros((401, 401), np.uint8))
    assert centre_prior.gaussian(wide, 0.25)[200, 300] == pytest.approx(np.exp(-0.5), rel=0.01)


@pytest.mark.parametrize("box", [(8, 8, 56, 40), (0, 16, 64, 64), (0, 0, 64, 24)])
def test_centre_prior_of_a_crop_is_that_of_the_original_image(cases, box):
    """A crop follows the lung, but the prior must not. The centre may even lie outside."""
    whole = centre_prior.gaussian(cases[0], 0.25)
    y0, x0, y1, x1 = box
    image = np.zeros((y1 - y0, x1 - x0), np.uint8)  # one pixel per pixel of the original
    crop = dataclasses.replace(cases[0], box=box, image=image)
    (explanation,) = centre_prior.make(CONTEXT, CentrePrior())([Task(crop, "a", None)])
    np.testing.assert_allclose(explanation.map.values, whole[y0:y1, x0:x1])
    # The rendered map peaks at the visible point that is nearest to the original's centre.
    rendered = render(explanation.map, box, crop.native_size)
    peak = np.argwhere(rendered == rendered.max()).mean(axis=0) + 0.5
    nearest = np.clip(32, [y0, x0], [y1, x1])
    assert np.abs(peak - nearest).max() <= 1


def test_random_superpixels_share_lime_s_segments_and_nothing_else(cases):
    explain = random_superpixels.make(CONTEXT, RandomSuperpixels(superpixels=SUPERPIXELS))
    first, second = explain([Task(cases[0], "a", None)]), explain([Task(cases[0], "a", None)])
    np.testing.assert_array_equal(first[0].map.values, second[0].map.values)
    many = [
        explain([Task(dataclasses.replace(cases[0], case=str(i)), "a", None)])[0] for i in range(60)
    ]
    weights = np.concatenate([e.map.values for e in many])
    assert abs(weights.mean()) < 0.15
    assert 0.8 < weights.std() < 1.2


def test_random_superpixels_are_lime_s_own_where_the_image_is_flat(cases):
    """Outside the lung, only quickshift's noise decides: LIME's labels need LIME's seed."""
    image = cases[0].image.copy()
    image[:, : image.shape[1] // 2] = 0
    case = dataclasses.replace(cases[0], image=image)
    task = Task(case, "a", None)
    of_lime = dataclasses.replace(CONTEXT, method="lime").seed_of(task)
    context = dataclasses.replace(CONTEXT, method="random_superpixels")
    (found,) = random_superpixels.make(context, RandomSuperpixels(superpixels=SUPERPIXELS))([task])
    np.testing.assert_array_equal(
        found.map.segments, segment(rgb_image(image), SUPERPIXELS, of_lime)
    )
