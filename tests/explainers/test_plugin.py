"""Explainers from the user's own file: bad maps, and functions that change the classifier."""

import numpy as np
import pytest
from torch import nn

from fidelity.classifiers.model import Classifier
from fidelity.explainers import plugin
from fidelity.explainers.base import Context, Task
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
"""


@pytest.fixture
def explain(tmp_path, cases):
    (tmp_path / "maps.py").write_text(FILE)
    body = nn.Sequential(nn.Conv2d(1, 4, 3, 4), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1))
    network = nn.Sequential(*body, nn.Flatten(), nn.Linear(4, 2))
    classifier = Classifier(network, "plugin:x", ("A", "B"), "softmax", 1, (0.5,), (0.25,), 64)

    def run(name, tasks=1, **params):
        settings = Plugin(method=f"plugin:{name}", params=params)
        path = str(tmp_path / "maps.py")
        context = Context(classifier.eval(), 4, 1, settings.method, plugins=[path])
        return plugin.make(context, settings)([Task(cases[0], "a", 1)] * tasks)[0].map.values

    return run


def test_a_map_keeps_its_values(explain):
    np.testing.assert_array_equal(explain("good", scale=-2), -2 * np.arange(64).reshape(8, 8))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("channels", r"shape \(1, 8, 8\)"),
        ("no_pixels", r"shape \(0, 0\)"),
        ("spectrum", "complex128"),
        ("masked", "masked array"),
        ("trains", "training mode"),
        ("trains_and_restores", "changed the classifier's weights"),
        ("adds_noise", "changed the classifier's weights"),
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


@pytest.mark.parametrize("scale", [1e300, 1e-60])
def test_values_outside_float32_are_refused(explain, scale):
    """They would be stored as infinity or 0."""
    with pytest.raises(ValueError, match="float32 cannot hold"):
        explain("good", scale=scale)
