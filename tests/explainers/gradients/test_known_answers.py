"""Known truth: each gradient method on a linear classifier with known weights."""

import numpy as np
import pytest
import torch
from torch import nn

from fidelity.classifiers.model import Classifier
from fidelity.explainers.gradients.references import CaseNoise, baseline
from tests.helpers.gradient_cases import entry, explain, images_of, maps, noise_cases

SIDE = 12
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
CASES = noise_cases(SIDE)


def linear(activation="softmax", classes=("A", "B", "C"), outputs=3):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, outputs))
    return Classifier(network, "plugin:linear", classes, activation, 3, MEAN, STD, SIDE).eval()


@pytest.fixture(scope="module")
def classifier():
    return linear()


def weights(classifier, row=1):
    return classifier.network[1].weight[row].detach().reshape(3, SIDE, SIDE)


def inputs(classifier, kind=None):
    """Return the network's inputs, or its baselines of this kind."""
    if kind is None:
        return images_of(classifier, CASES)
    grey = torch.stack([torch.from_numpy(case.image) for case in CASES]).float() / 255
    return classifier.normalise(baseline(grey, kind))


def check(found, expected):
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("method", ["gradient", "smoothgrad"])
def test_gradients_are_the_weights(classifier, method):
    expected = weights(classifier).sum(0).expand(3, -1, -1)
    check(maps(classifier, CASES, method, magnitude=False), expected)
    check(maps(classifier, CASES, method, magnitude=True), expected.abs())
    assert entry(method).magnitude is True


def test_input_x_gradient_is_weight_times_input(classifier):
    expected = (weights(classifier) * inputs(classifier)).sum(1)
    check(maps(classifier, CASES, "input_x_gradient"), expected)


@pytest.mark.parametrize("kind", ["black", "mean", "blur"])
@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift"])
def test_path_methods_are_weight_times_difference(classifier, method, kind):
    difference = inputs(classifier) - inputs(classifier, kind)
    found = explain(classifier, CASES, method, baseline=kind)
    check([each.map.values for each in found], (weights(classifier) * difference).sum(1))
    logits = (weights(classifier) * difference).sum((1, 2, 3))
    for each, logit in zip(found, logits, strict=True):
        assert each.extras["logit_difference"] == pytest.approx(float(logit), abs=1e-4)
        assert abs(each.extras["completeness_error"]) < 1e-4


def test_gradient_shap_is_weight_times_difference(classifier):
    difference = inputs(classifier) - inputs(classifier, "black")
    expected = (weights(classifier) * difference).sum(1)
    check(maps(classifier, CASES, "gradient_shap", noise=0), expected)


def test_gradient_shap_of_noise_is_weight_times_mean_difference(classifier):
    """Repeat the draws from the tasks' seeds: image noise, then baseline, then position."""
    from fidelity.explainers.base import Context, Task

    context = Context(classifier, 4, 1, "gradient_shap")
    seeds = tuple(context.seed_of(Task(case, "a", 1)) for case in CASES)
    random = CaseNoise(seeds, torch.device("cpu"))
    grey = torch.stack([torch.from_numpy(case.image) for case in CASES]).float() / 255
    spread = (grey.amax((1, 2)) - grey.amin((1, 2)))[:, None, None]
    total = 0
    for _ in range(5):
        end = grey + 0.1 * spread * random.normal((SIDE, SIDE))
        start = random.uniform((SIDE, SIDE))
        random.uniform((1, 1, 1))
        difference = classifier.normalise(end) - classifier.normalise(start)
        total = total + (weights(classifier) * difference).sum(1)
    found = maps(classifier, CASES, "gradient_shap", samples=5, baseline="noise")
    check(found, total / 5)


def test_lrp_is_weight_times_input_and_the_bias_is_what_is_missing(classifier):
    found = explain(classifier, CASES, "lrp", composite="epsilon_plus")
    check([each.map.values for each in found], (weights(classifier) * inputs(classifier)).sum(1))
    for each in found:
        bias = classifier.network[1].bias[1].item()
        assert each.extras["conservation_error"] == pytest.approx(-bias, abs=1e-4)


@pytest.mark.parametrize(
    "method", ["gradient", "input_x_gradient", "integrated_gradients", "deeplift", "lrp"]
)
def test_heads_of_one_logit_and_of_three_states(method):
    """The negative class has the negated map. With three states, it is positive minus negative."""
    own = {"magnitude": False} if method == "gradient" else {}
    start = 0 if method in ("gradient", "input_x_gradient", "lrp") else None

    def expected(classifier, weight):
        if method == "gradient":
            return weight.sum(0).expand(3, -1, -1)
        change = inputs(classifier) - (start if start == 0 else inputs(classifier, "black"))
        return (weight * change).sum(1)

    one = linear("one_logit", ("no", "yes"), 1)
    check(maps(one, CASES, method, target=1, **own), expected(one, weights(one, 0)))
    check(maps(one, CASES, method, target=0, **own), -expected(one, weights(one, 0)))
    three = linear("three_way", ("A", "B"), 6)
    weight = weights(three, 5) - weights(three, 3)
    check(maps(three, CASES, method, target=1, **own), expected(three, weight))


def test_guided_backprop_stops_negative_gradients_at_each_relu():
    """relu(Wx) V by hand: only positive gradients pass a unit, and only if the unit is active."""
    torch.manual_seed(1)
    first, second = nn.Linear(3 * SIDE * SIDE, 20), nn.Linear(20, 2)
    network = nn.Sequential(nn.Flatten(), first, nn.ReLU(), second)
    classifier = Classifier(network, "plugin:two", ("A", "B"), image_size=SIDE).eval()
    x = images_of(classifier, CASES)
    active = first(x.flatten(1)) > 0
    arriving = (second.weight[1].clamp(min=0) * active) @ first.weight
    check(maps(classifier, CASES, "guided_backprop"), arriving.reshape(-1, 3, SIDE, SIDE).sum(1))
    plain = maps(classifier, CASES, "gradient", magnitude=False)
    assert not np.allclose(plain, arriving.reshape(-1, 3, SIDE, SIDE).sum(1).detach().numpy())


def test_smoothing_is_a_gaussian_after_the_magnitude(classifier):
    from scipy.ndimage import gaussian_filter

    rough = maps(classifier, CASES, "gradient")
    smooth = maps(classifier, CASES, "gradient", smoothing=1.5)
    for before, after in zip(rough, smooth, strict=True):
        expected = gaussian_filter(before.astype(np.float64), 1.5, mode="reflect", truncate=4)
        np.testing.assert_allclose(after, expected, atol=2e-3 * before.max())
        assert after.std() < 0.5 * before.std()


def test_baselines():
    grey = torch.rand(2, 20, 20, generator=torch.Generator().manual_seed(0))
    assert not baseline(grey, "black").any()
    torch.testing.assert_close(baseline(grey, "mean")[1], grey[1].mean().expand(20, 20))
    blur = baseline(grey, "blur")
    assert blur.shape == grey.shape
    assert blur.std() < 0.5 * grey.std()
    constant = torch.full((1, 20, 20), 0.3)
    torch.testing.assert_close(baseline(constant, "blur"), constant)
    with pytest.raises(ValueError, match="unknown baseline"):
        baseline(grey, "grey")
