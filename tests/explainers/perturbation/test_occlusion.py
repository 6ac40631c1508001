"""Occlusion and feature ablation equal captum's, with fewer forward passes."""

import dataclasses

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation, Occlusion
from skimage.filters import gaussian

from fidelity.explainers.base import Context, Task
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.perturbation import feature_ablation, occlusion
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.settings.explainers import Occlusion as OcclusionEntry
from tests.helpers.entries import with_keys
from tests.helpers.perturbation_settings import HIDE, METHODS, SLIC


def explain(module, name, classifier, case, **changes):
    entry = with_keys(METHODS[name][1], **changes)
    return module.make(Context(classifier, 8, 1, name), entry)([Task(case, "a", 1)])[0]


def captum_s(classifier, case, window, stride, hidden):
    baseline = classifier.normalise(torch.from_numpy(hidden)[None])
    with torch.inference_mode():
        return Occlusion(lambda x: classifier(x).softmax(1)).attribute(
            classifier.preprocess(case.image[None]),
            (3, window, window),  # the window covers all channels
            (3, stride, stride),
            baseline,
            target=1,
            perturbations_per_eval=8,
        )[0].numpy()  # fmt: skip


@pytest.mark.parametrize("fill", ["mean", "blur", 0, 0.7])
@pytest.mark.parametrize(("window", "stride"), [(16, 8), (15, 8), (15, 15), (20, 13), (64, 64)])
def test_occlusion_is_captum_s(classifier, cases, window, stride, fill):
    """If steps do not divide the side, both cut off windows that end beyond the image."""
    found = explain(
        occlusion, "occlusion", classifier, cases[0], window=window, stride=stride, fill=fill
    )
    hidden = occlusion.filling(cases[0].image, OcclusionEntry(fill=fill, fill_sigma=4))
    expected = captum_s(classifier, cases[0], window, stride, hidden)
    np.testing.assert_allclose(found.map.values, expected[1], atol=1e-5)
    np.testing.assert_array_equal(expected[0], expected[1])


def test_occlusion_of_a_masked_image_is_captum_s_at_a_fraction_of_its_passes(classifier, cases):
    """Windows that hide the same live pixels share one pass: black on black changes nothing."""
    y, x = np.mgrid[:64, :64]
    disc = (y - 30) ** 2 + (x - 34) ** 2 < 36
    case = dataclasses.replace(cases[0], image=np.where(disc, cases[0].image, 0))
    found = explain(occlusion, "occlusion", classifier, case, window=24, stride=4, fill=0)
    expected = captum_s(classifier, case, 24, 4, np.zeros((64, 64), np.float32))
    np.testing.assert_allclose(found.map.values, expected[0], atol=1e-5)
    assert found.extras["windows"] == 121
    assert found.extras["forward_passes"] < 60


def test_windows_show_what_the_settings_say(cases):
    image = cases[0].image
    grey = image / 255

    def filling(fill):
        return occlusion.filling(image, OcclusionEntry(fill=fill, fill_sigma=4))

    np.testing.assert_allclose(filling("mean"), grey.mean(), rtol=1e-6)
    np.testing.assert_allclose(filling(0.25), 0.25)
    np.testing.assert_allclose(filling("blur"), gaussian(grey, 4, mode="mirror"), atol=2e-3)


def test_equal_boxes_are_equal_images():
    rng = np.random.default_rng(0)
    live = rng.random((20, 20)) < 0.05
    images, boxes = {}, {}
    for place in occlusion.windows((20, 20), 6, 1):
        y0, x0, y1, x1 = place
        hidden = np.zeros_like(live)
        hidden[y0:y1, x0:x1] = live[y0:y1, x0:x1]
        box = occlusion.live_box(live, place)
        assert (box is None) == (not hidden.any())
        assert images.setdefault(box, hidden.tobytes()) == hidden.tobytes()
        assert boxes.setdefault(hidden.tobytes(), box) == box
    assert 1 < len(images) < 225


def test_a_pixel_s_value_is_the_mean_over_the_windows_that_cover_it():
    places = occlusion.windows((5, 5), 3, 2)
    assert places == [(0, 0, 3, 3), (0, 2, 3, 5), (2, 0, 5, 3), (2, 2, 5, 5)]
    values = occlusion.mean_over_windows((5, 5), places, np.array([1.0, 2, 3, 6]))
    assert values[0].tolist() == [1, 1, 1.5, 2, 2]
    assert values[2].tolist() == [2, 2, 3, 4, 4]
    # The last window starts inside the image and is cut off at the border.
    assert occlusion.windows((6, 4), 3, 2)[-1] == (4, 2, 6, 4)


def test_captum_hides_channel_by_channel_if_the_window_has_one(classifier, cases):
    """A grey image has equal channels. Hiding them one by one would create colours."""
    with torch.inference_mode():
        peer = Occlusion(lambda x: classifier(x).softmax(1)).attribute(
            classifier.preprocess(cases[0].image[None]), (1, 16, 16), (1, 8, 8), target=1,
            perturbations_per_eval=8,
        )[0].numpy()  # fmt: skip
    assert not np.allclose(peer[0], peer[1], atol=1e-5)


def test_captum_s_default_baseline_is_not_black(classifier, cases):
    """0 in the normalised input is the mean of the normalisation: grey 0.5 here."""
    with torch.inference_mode():
        peer = Occlusion(lambda x: classifier(x).softmax(1)).attribute(
            classifier.preprocess(cases[0].image[None]), (3, 16, 16), (3, 8, 8), target=1,
            perturbations_per_eval=8,
        )[0].numpy()  # fmt: skip
    grey, black = (
        explain(occlusion, "occlusion", classifier, cases[0], window=16, fill=fill).map.values
        for fill in (0.5, 0)
    )
    np.testing.assert_allclose(grey, peer[0], atol=1e-5)
    assert not np.allclose(black, peer[0], atol=1e-3)


@pytest.mark.parametrize("hide", ["mean", "blur", 0, 0.7])
@pytest.mark.parametrize("output", ["probability", "logit"])
def test_feature_ablation_is_captum_s(classifier, cases, hide, output):
    case = cases[0]
    found = explain(
        feature_ablation, "feature_ablation", classifier, case, hide=hide, output=output
    )
    labels = segment(rgb_image(case.image), SLIC, 0)
    hidden = hidden_image(case.image, labels, with_keys(HIDE, hide=hide), 0)
    hidden = torch.from_numpy(hidden.astype(np.float32))[None]
    with torch.inference_mode():
        peer = FeatureAblation(
            classifier if output == "logit" else lambda x: classifier(x).softmax(1)
        ).attribute(
            classifier.preprocess(case.image[None]),
            classifier.normalise(hidden),
            target=1,
            feature_mask=torch.from_numpy(labels)[None, None],
            perturbations_per_eval=8,
        )[0].numpy()  # fmt: skip
    np.testing.assert_allclose(found.map.values[labels], peer[0], atol=1e-5)
    assert found.extras == {
        "superpixels": labels.max() + 1,
        "forward_passes": labels.max() + 2,
    }
