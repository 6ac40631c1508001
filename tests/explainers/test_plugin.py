"""Explainers from the user's own file: bad maps, and functions that change the classifier."""

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from fidelity.classifiers.model import Classifier
from fidelity.explainers import plugin
from fidelity.explainers.base import Context, Task, explain_each
from fidelity.settings.explainers import Plugin

FILE = """
import numpy as np, torch

ONES = np.arange(64.0).reshape(8, 8)

def good(classifier, image, target, seed, scale=1.0):
    return ONES * scale

def channels(classifier, image, target, seed):
    return ONES[None]

def no_pixels(classifier, image, target, seed):
    return np.zeros((0, 0))

def spectrum(classifier, image, target, seed):
    return np.fft.fft2(ONES)

def masked(classifier, image, target, seed):
    return np.ma.masked_less(ONES, 60)

def pair(classifier, image, target, seed):
    return ONES, {"score": 1}

def pair_of_maps(classifier, image, target, seed):
    return ONES, ONES

def nothing(classifier, image, target, seed):
    ONES * 2

def with_gradient(classifier, image, target, seed):
    return image.requires_grad_()[0, 0] * 2

def elsewhere(classifier, image, target, seed):
    return torch.ones(8, 8, device="meta")

def all_nan(classifier, image, target, seed):
    return ONES * float("nan")

def one_infinite(classifier, image, target, seed):
    return np.where(ONES == 3, np.inf, ONES)

def number(classifier, image, target, seed):
    return 3.5

def tensor(classifier, image, target, seed):
    return torch.from_numpy(ONES)

def rows(classifier, image, target, seed):
    return tuple(ONES.tolist())

def trains(classifier, image, target, seed):
    classifier.train()
    return ONES

def trains_and_restores(classifier, image, target, seed):
    classifier.train()
    classifier(image.repeat(2, 1, 1, 1))
    classifier.eval()
    return ONES

def adds_noise(classifier, image, target, seed):
    for weights in classifier.parameters():
        weights.data += 0.1
    return ONES

def swaps_signs(classifier, image, target, seed):
    classifier.network[-1].weight.data.neg_()
    return ONES

def leaves_a_hook(classifier, image, target, seed):
    classifier.network[0].register_forward_hook(lambda module, given, found: found * 0.9)
    return ONES

def fails_with_a_hook(classifier, image, target, seed):
    if image.sum() < 0:
        return ONES
    leaves_a_hook(classifier, image, target, seed)
    raise ValueError("fails")

def leaves_a_gradient_hook(classifier, image, target, seed):
    hook = lambda module, given, found: (given[0].clamp(min=0),)
    classifier.network[0].register_full_backward_hook(hook)
    return ONES

def replaces_a_module(classifier, image, target, seed):
    classifier.network[2] = torch.nn.AdaptiveMaxPool2d(1).eval()
    return ONES

KEPT = []

def listens(classifier, image, target, seed):
    if not KEPT:
        keep = lambda module, given, found: KEPT.append(found.detach())
        classifier.network[0].register_forward_hook(keep)
    classifier(image)
    return KEPT[-1][0].sum(0).numpy()

def weights_gradient(classifier, image, target, seed):
    classifier(image)[0, target].backward()
    return classifier.network[0].weight.grad[:, 0].sum(0).numpy()

def gradient_off(classifier, image, target, seed):
    image.requires_grad_()
    found = torch.autograd.grad(classifier(image)[0, target], image)[0]
    torch.set_grad_enabled(False)
    return found[0, 0].numpy()

def unseeded(classifier, image, target, seed):
    import random
    return ONES + np.random.rand() + random.random() + torch.rand(1).item()
"""


@pytest.fixture
def explain(tmp_path, cases):
    (tmp_path / "maps.py").write_text(FILE)
    body = nn.Sequential(nn.Conv2d(1, 4, 3, 4), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1))
    network = nn.Sequential(*body, nn.Flatten(), nn.Linear(4, 2))
    classifier = Classifier(network, "plugin:x", ("A", "B"), "softmax", 1, (0.5,), (0.25,), 64)

    def run(name, tasks=1, only_make=False, **params):
        settings = Plugin(method=f"plugin:{name}", params=params)
        path = str(tmp_path / "maps.py")
        context = Context(classifier.eval(), 4, 1, settings.method, plugins=[path])
        made = plugin.make(context, settings)
        if only_make:
            return made
        found = made([Task(cases[0], "a", 1)] * tasks)
        return found[-1].map.values

    return run


def test_a_map_keeps_its_values(explain):
    np.testing.assert_array_equal(explain("good", scale=-2), -2 * np.arange(64).reshape(8, 8))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("channels", r"plugin:channels returned an array of shape \(1, 8, 8\)\. .*array \(h, w\)"),
        ("no_pixels", r"shape \(0, 0\)"),
        ("pair", r"^plugin:pair returned a tuple of 2 values\. .*must return an array \(h, w\)"),
        ("pair_of_maps", r"a tuple of 2 values\. .*array \(h, w\)"),
        ("nothing", r"nothing \(None\)\. .*array \(h, w\)"),
        ("with_gradient", r"tensor of shape \(64, 64\) with a gradient\. .*map\.detach\(\)"),
        ("elsewhere", r"tensor of shape \(8, 8\) on meta\. .*\.cpu\(\)\.numpy\(\)"),
        ("all_nan", r"plugin:all_nan returned an array in which 64 of 64 values are NaN"),
        ("one_infinite", r"1 of 64 values are NaN or infinite\. .*finite real numbers"),
        ("number", r"a value of type float\. .*array \(h, w\)"),
        ("spectrum", "complex128"),
        ("masked", "masked array"),
        ("trains", "training mode"),
        ("trains_and_restores", "changed the classifier's weights"),
        ("adds_noise", "changed the classifier's weights"),
        ("leaves_a_hook", "left hooks"),
        ("leaves_a_gradient_hook", "left hooks"),
        ("replaces_a_module", "left hooks or modules"),
    ],
)
def test_bad_maps_and_changed_classifiers_are_refused(explain, name, problem):
    with pytest.raises(ValueError, match=problem):
        explain(name)


def test_each_map_is_followed_by_a_comparison_of_weights(explain, monkeypatch):
    """A function may change weights in one map and restore them in the next one."""
    with pytest.raises(ValueError, match="changed the classifier's weights"):
        explain("swaps_signs", tasks=2)
    # Hashing the weights takes longer than many maps.
    monkeypatch.setattr(plugin, "weights_digest", None, raising=False)
    explain("good", tasks=2)


@pytest.mark.parametrize("name", ["listens", "weights_gradient", "gradient_off", "unseeded"])
def test_a_map_does_not_depend_on_the_maps_before(explain, name):
    """Gradients of weights add up, a mode of torch lasts, and random generators go on."""
    np.testing.assert_array_equal(explain(name, tasks=3), explain(name))


def test_a_hook_of_a_failed_map_is_noticed_in_the_next_one(explain, cases):
    dark, light = (replace(cases[0], image=np.full((64, 64), grey, np.uint8)) for grey in (0, 255))
    found = explain_each(
        explain("fails_with_a_hook", only_make=True), [Task(light, "a", 1), Task(dark, "a", 1)]
    )
    assert str(found[0]) == "fails"
    assert "left hooks" in str(found[1])


@pytest.mark.parametrize("name", ["tensor", "rows"])
def test_what_numpy_reads_as_a_map_is_a_map(explain, name):
    np.testing.assert_array_equal(explain(name), np.arange(64).reshape(8, 8))


@pytest.mark.parametrize("scale", [1e300, 1e-60])
def test_values_outside_float32_are_refused(explain, scale):
    """They would be stored as infinity or 0."""
    with pytest.raises(ValueError, match="float32 cannot hold"):
        explain("good", scale=scale)


def test_a_network_without_a_gradient_can_be_explained_without_one():
    class InPlace(nn.Sequential):
        def forward(self, x):
            return super().forward(x.sub_(0.5))

    network = InPlace(nn.Flatten(), nn.Linear(64, 2))
    classifier = Classifier(network, "plugin:x", ("A", "B"), "softmax", 1, (0.5,), (0.25,), 8)
    (before,) = plugin.response_of(classifier)
    network[1].register_forward_hook(lambda module, given, found: found * 0.9)
    np.testing.assert_allclose(plugin.response_of(classifier)[0], 0.9 * before)
