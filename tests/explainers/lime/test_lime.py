"""LIME equals that of the lime package, but the seeds reach every random part."""

import dataclasses

import numpy as np
import pytest
import torch
from lime.lime_image import LimeImageExplainer

from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Task
from fidelity.explainers.lime import lime
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.lime.perturbed_outputs import Perturbed
from fidelity.explainers.lime.repeat_agreement import separated, z_of
from fidelity.explainers.lime.sampling import design
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.settings.explainers import Lime
from fidelity.settings.superpixels import Slic, Superpixels
from tests.explainers.conftest import prepared_case
from tests.helpers.entries import with_keys

SETTINGS = Lime(samples=60, sampling="package")


def _explain(classifier, case, target=1, batch=8, **changes):
    context = Context(classifier, batch, 1, "lime")
    (explanation,) = lime.make(context, with_keys(SETTINGS, **changes))([Task(case, "a", target)])
    return explanation


def _package(classifier, case, segments, seed, hide=None):
    """Run the package with its defaults for one label: of several, it scores only the last."""

    @torch.inference_mode()
    def probabilities(images):
        grey = torch.from_numpy(np.stack([image[..., 0] for image in images])).float()
        logits = classifier(classifier.normalise(grey))
        return torch.softmax(logits, 1).double().numpy()

    explainer = LimeImageExplainer(random_state=np.random.RandomState(seed))
    return explainer.explain_instance(
        rgb_image(case.image), probabilities, labels=(1,), top_labels=None, num_samples=60,
        hide_color=hide, segmentation_fn=lambda _: segments,
    )  # fmt: skip


@pytest.mark.parametrize("hide", ["mean", 0, 0.4])
@pytest.mark.parametrize("masked", [False, True])
def test_coefficients_are_those_of_the_package(classifier, cases, hide, masked):
    """In a lung-masked image, some superpixels are black. Equal pictures are classified once."""
    case = cases[0]
    if masked:
        case = dataclasses.replace(case, image=case.image * case.lung)
    seed = Context(classifier, 8, 1, "lime").seed_of(Task(case, "a", 1))
    algorithm = {"algorithm": "grid", "cells": 6} if masked else SETTINGS.superpixels
    segments = segment(rgb_image(case.image), algorithm, seed)
    peer = _package(classifier, case, segments, seed, None if hide == "mean" else hide)
    expected = dict(peer.local_exp[1])
    ours = _explain(classifier, case, hide=hide, superpixels=algorithm)
    assert len(expected) == len(ours.map.values) > 3
    np.testing.assert_array_equal(ours.map.segments, segments)
    for label, weight in expected.items():
        assert ours.map.values[label] == pytest.approx(weight, abs=1e-6)
    assert ours.extras["surrogate_r2"] == pytest.approx(peer.score, abs=1e-6)
    assert ours.extras["intercept"] == pytest.approx(peer.intercept[1], abs=1e-6)


def test_pictures_that_look_equal_are_classified_once_and_nothing_changes(classifier):
    """The image is black except for 2 x 2 live cells: at most 16 pictures, whatever the samples."""
    image = np.zeros((64, 64), np.uint8)
    image[16:48, 16:48] = np.random.default_rng(0).integers(60, 200, (32, 32))
    segments = segment(rgb_image(image), {"algorithm": "grid", "cells": 4}, 0)
    pictures = Perturbed(classifier, image / 255, np.zeros((64, 64)), segments, 8)
    assert pictures.live.sum() == 4
    rows = torch.from_numpy(design("package", 60, 16, 3))
    values, different = pictures.outputs(rows, 1, "logit", "float32")
    assert different <= 16
    pictures.live = torch.ones(16, dtype=torch.bool)
    every, all_of_them = pictures.outputs(rows, 1, "logit", "float32")
    assert all_of_them > 50
    torch.testing.assert_close(values, every, atol=1e-5, rtol=0)


def test_where_few_superpixels_are_live_all_subsets_are_classified(classifier, cases):
    """All subsets give the limit of the package's samples; with fewer, a process predicts."""
    image = np.zeros((64, 64), np.uint8)
    image[16:48, 16:48] = np.random.default_rng(0).integers(60, 200, (32, 32))
    case = dataclasses.replace(cases[0], image=image)
    options = {"superpixels": {"algorithm": "grid", "cells": 4}, "output": "logit"}
    found = _explain(classifier, case, sampling="interpolated", samples=16, repeats=2, **options)
    assert found.extras["samples"] == found.extras["images"] == 16
    assert found.extras["stability_iou"] == found.extras["stability_rank"] == 1
    assert found.extras["coefficient_half_width"] == 0
    peer = _explain(classifier, case, samples=20_000, alpha=20.0, **options)
    off = np.abs(found.map.values - peer.map.values)
    assert (off < 5 * np.array(peer.extras["coefficient_errors"]) + 1e-7).all()
    assert found.extras["surrogate_r2"] == pytest.approx(peer.extras["surrogate_r2"], abs=0.02)
    fewer = _explain(classifier, case, sampling="interpolated", samples=13, **options)
    assert fewer.extras["images"] <= 13
    scale = np.abs(found.map.values).max()
    np.testing.assert_allclose(fewer.map.values, found.map.values, atol=0.1 * scale)


LOGIT = {"superpixels": {"algorithm": "grid", "cells": 3}, "output": "logit"}


@pytest.fixture(scope="module")
def reference(classifier):
    """Return coefficients of the first case from many samples of the package's design."""
    return _explain(classifier, prepared_case("case 0", 0), samples=1000, **LOGIT).map.values


@pytest.mark.parametrize("sampling", ["random", "antithetic", "hadamard", "interpolated"])
def test_every_sampling_agrees_with_the_package_s_and_scales_alpha(
    classifier, cases, reference, sampling
):
    options = LOGIT
    found = _explain(classifier, cases[0], samples=400, sampling=sampling, **options)
    assert np.corrcoef(found.map.values, reference)[0, 1] > 0.98
    same = _explain(classifier, cases[0], samples=400, sampling=sampling, alpha=0.0, **options)
    shrunk = np.abs(found.map.values).sum() / np.abs(same.map.values).sum()
    assert 0.98 < shrunk < 1
    assert found.extras["samples"] == 400


def test_repeats_say_how_stable_the_map_is_and_leave_it_as_it_is(classifier, cases):
    alone = _explain(classifier, cases[0], samples=100)
    assert "stability_iou" not in alone.extras
    assert alone.extras["coefficient_half_width"] > 0
    assert len(alone.extras["coefficient_errors"]) == alone.extras["superpixels"]
    three = _explain(classifier, cases[0], samples=100, repeats=3)
    np.testing.assert_allclose(three.map.values, alone.map.values, atol=1e-12)
    assert 0 <= three.extras["stability_iou"] <= 1
    more = _explain(classifier, cases[0], samples=1500, repeats=3)
    assert more.extras["stability_rank"] > three.extras["stability_rank"]


@pytest.mark.parametrize("sampling", ["hadamard", "interpolated"])
def test_adaptive_stops_within_the_budget_when_the_top_is_told_apart(classifier, cases, sampling):
    options = {"superpixels": {"algorithm": "grid", "cells": 3}, "sampling": sampling}
    known = np.sort(_explain(classifier, cases[0], samples=512, **options).map.values)[::-1]
    top = int(np.argmax(known[:-1] - known[1:])) + 1  # the widest gap between neighbouring values
    adaptive = {"budget": 2000, "batch": 64, "level": 0.95, "top": top}
    early = _explain(classifier, cases[0], adaptive=adaptive, **options)
    assert early.extras["samples"] % 64 == 0
    assert early.extras["samples"] < 2000
    values = early.map.values
    half = z_of(0.95) * np.array(early.extras["coefficient_errors"])
    assert separated(values, half, top)
    never = {**adaptive, "budget": 150, "level": 0.999999999}
    used = _explain(classifier, cases[0], adaptive=never, repeats=2, **options).extras
    assert used["samples"] == 150
    one_go = _explain(classifier, cases[0], samples=150, repeats=2, **options).extras
    assert used["stability_iou"] == one_go["stability_iou"]


@pytest.mark.parametrize("sampling", ["hadamard", "interpolated"])
def test_adaptive_stops_at_a_stated_error(classifier, cases, sampling):
    options = {"superpixels": {"algorithm": "grid", "cells": 3}, "sampling": sampling}

    def stated(error):
        adaptive = {"budget": 480, "batch": 48, "error": error}
        found = _explain(classifier, cases[0], adaptive=adaptive, **options)
        errors = np.linalg.norm(found.extras["coefficient_errors"])
        return found, errors / np.linalg.norm(found.map.values)

    _, first = stated(1e9)
    found, error = stated(first / 2)
    assert error <= first / 2
    assert 48 < found.extras["samples"] <= 480
    one_go = _explain(classifier, cases[0], samples=found.extras["samples"], **options)
    np.testing.assert_array_equal(found.map.values, one_go.map.values)


@pytest.mark.parametrize("hide", ["blur", "noise", "inpaint"])
def test_other_ways_to_hide(classifier, cases, hide):
    base = _explain(classifier, cases[0]).map.values
    found = _explain(classifier, cases[0], hide=hide).map.values
    assert np.isfinite(found).all()
    assert not np.allclose(base, found)
    np.testing.assert_array_equal(found, _explain(classifier, cases[0], hide=hide).map.values)


def test_seeds_make_it_repeatable_and_depend_on_the_case_alone(classifier, cases):
    first, again = _explain(classifier, cases[0]).map, _explain(classifier, cases[0]).map
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.segments, again.segments)
    context = Context(classifier, 8, 1, "lime")
    together = lime.make(context, SETTINGS)([Task(case, "a", 1) for case in cases[:2]])
    np.testing.assert_array_equal(together[0].map.values, first.values)


def test_slic_labels_start_at_zero(cases):
    superpixels = Slic().model_dump()
    labels = segment(rgb_image(cases[0].image), superpixels, 0)
    assert sorted(np.unique(labels)) == list(range(labels.max() + 1))


@pytest.mark.parametrize("algorithm", list(Superpixels.kinds()))
def test_every_superpixel_algorithm(classifier, cases, algorithm):
    superpixels = Superpixels.kinds()[algorithm]().model_dump()
    explanation = _explain(classifier, cases[1], superpixels=superpixels)
    assert explanation.map.segments.shape == cases[1].image.shape
    assert explanation.extras["superpixels"] == len(explanation.map.values)
    assert np.isfinite(explanation.extras["surrogate_r2"])


def test_hide_and_output_matter(classifier, cases):
    base = _explain(classifier, cases[0]).map.values
    assert not np.allclose(base, _explain(classifier, cases[0], hide=0).map.values)
    assert not np.allclose(base, _explain(classifier, cases[0], output="logit").map.values)


def test_a_single_superpixel_is_a_map_without_contrast(classifier, cases):
    blank = dataclasses.replace(cases[0], image=np.full_like(cases[0].image, 128))
    explanation = _explain(classifier, blank)
    assert len(explanation.map.values) == explanation.map.segments.max() + 1


def test_bfloat16_stays_close_to_float32(classifier, cases):
    exact = _explain(classifier, cases[0]).map.values
    rounded = _explain(classifier, cases[0], precision="bfloat16").map.values
    assert not np.array_equal(exact, rounded)
    assert np.corrcoef(exact, rounded)[0, 1] > 0.98


PATCH = (slice(24, 40), slice(32, 48))


class Linear(torch.nn.Module):
    """The logit of class B is the mean over a patch; that of class A is its negative."""

    def __init__(self, side):
        super().__init__()
        weights = torch.zeros(side, side)
        weights[PATCH] = 1 / 256
        self.weights = torch.nn.Parameter(weights)

    def forward(self, x):
        total = (x.mean(1) * self.weights).sum((1, 2))
        return torch.stack([-total, total], 1)


def _planted(case):
    image = case.image // 2
    image[PATCH] = image[PATCH] // 3 + 180
    return dataclasses.replace(case, image=image)


@pytest.fixture(scope="module")
def linear():
    network, plain = Linear(64), ((0.0,) * 3, (1.0,) * 3)
    return Classifier(network, "linear", ("A", "B"), "softmax", 3, *plain, 64)


@pytest.mark.parametrize("sampling", ["package", "random", "antithetic", "hadamard"])
@pytest.mark.parametrize("hide", [0, "mean", "blur"])
def test_a_linear_classifier_gets_its_known_attribution(linear, cases, sampling, hide):
    """Without the ridge's shrinkage, the regression of an additive game is exact."""
    case = _planted(cases[0])
    changes = {"sampling": sampling, "hide": hide, "alpha": 0.0, "output": "logit", "samples": 400}
    found = _explain(linear, case, **changes).map
    seed = Context(None, 8, 1, "lime").seed_of(Task(case, "a", None))
    own = with_keys(SETTINGS, hide=hide)
    change = case.image / 255.0 - hidden_image(case.image, found.segments, own, seed)
    known = linear.network.weights.detach().numpy() * change
    expected = np.bincount(found.segments.ravel(), known.ravel())
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    assert np.abs(expected).max() > 1e-2


@pytest.mark.parametrize("output", ["probability", "logit"])
def test_the_planted_patch_ranks_first(linear, cases, output):
    for case in map(_planted, cases):
        found = _explain(linear, case, output=output, hide=0, samples=200).map
        best = found.segments == np.argmax(found.values)
        # The superpixel that contains most of the patch.
        held = np.bincount(found.segments[PATCH].ravel(), minlength=len(found.values))
        assert np.argmax(held) == np.argmax(found.values)
        assert best[PATCH].sum() > best[PATCH].size / 2
