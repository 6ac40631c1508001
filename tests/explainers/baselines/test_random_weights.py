"""Random weights: all trained values are replaced, and nothing else changes."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.randomised import randomised, weights_digest
from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import random_weights
from fidelity.explainers.cam import cam
from fidelity.settings.explainers import Gradcam, LungMask, RandomWeights

GRADCAM = Gradcam()
ENTRY = RandomWeights(of=GRADCAM)


def _context(classifier, seed=1):
    return Context(classifier, 8, seed, "random_weights")


def _maps(classifier, cases, entry=ENTRY, seed=1):
    explain = random_weights.make(_context(classifier, seed), entry)
    return [e.map.values for e in explain([Task(case, "a", 1) for case in cases])]


def test_maps_differ_from_the_trained_ones_and_repeat(classifier, cases):
    trained = cam.make(Context(classifier, 8, 1, "gradcam"), GRADCAM)(
        [Task(case, "a", 1) for case in cases]
    )
    maps = _maps(classifier, cases)
    for values, other in zip(maps, trained, strict=True):
        assert np.isfinite(values).all()
        assert np.ptp(values) > 0
        assert values.shape == other.map.values.shape
        assert not np.allclose(values, other.map.values)
    for first, second in zip(maps, _maps(classifier, cases), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(_maps(classifier, cases[2:3])[0], maps[2])
    assert not np.allclose(_maps(classifier, cases[:1], seed=2)[0], maps[0])


def test_the_classifier_and_torch_s_generator_stay_as_they_were(classifier, cases):
    before = copy.deepcopy(classifier.state_dict())
    state = torch.get_rng_state()
    _maps(classifier, cases[:1])
    assert torch.equal(torch.get_rng_state(), state)
    assert not classifier.training
    for name, value in classifier.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_inner_explainer_has_its_own_random_numbers(classifier, cases, monkeypatch):
    seen = []
    make = cam.make

    def noted(context, settings):
        seen.append((context.method, context.seed_of(Task(cases[0], "a", 1)), settings))
        return make(context, settings)

    monkeypatch.setattr(cam, "make", noted)
    _maps(classifier, cases[:1])
    own = Context(classifier, 8, 1, "gradcam").seed_of(Task(cases[0], "a", 1))
    assert seen == [("gradcam", own, GRADCAM)]


@pytest.mark.parametrize(
    "name", ["resnet18", "densenet121", "convnext_tiny", "vit_b_16", "vgg11", "mobilenet_v3_small"]
)
def test_no_weight_survives_and_activations_stay_alive(name):
    torch.manual_seed(0)
    network = build(name, 3, image_size=32)
    # Simulate training: set values that no initialisation gives.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    classifier = Classifier(network, name, ("A", "B", "C"), image_size=32).eval()
    twin = randomised(classifier, 5)
    assert not any(module.training for module in twin.modules())
    old = dict(classifier.named_parameters())
    for key, value in twin.named_parameters():
        assert value.requires_grad == old[key].requires_grad
        assert value.numel() == 1 or not torch.equal(value, old[key]), key
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32), np.uint8)
    logits = twin(twin.preprocess(images))
    assert not torch.allclose(logits, classifier(classifier.preprocess(images)))
    assert torch.isfinite(logits).all()
    assert logits.std(dim=0).min() > 1e-5  # the output still differs between images


def test_parameters_without_an_initialisation_are_shuffled():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.arange(64.0))
            self.layer = nn.Linear(64, 2)

        def forward(self, x):
            return self.layer(x.mean(dim=(1, 2, 3))[:, None] * self.scale)

    classifier = Classifier(Scaled(), "x", ("A", "B"), image_size=16).eval()
    twin = randomised(classifier, 1)
    before, after = classifier.network.scale, twin.network.scale
    assert not torch.equal(before, after)
    assert torch.equal(before.sort().values, after.sort().values)


def test_statistics_of_batch_normalisation_fit_the_new_weights(classifier):
    """In eval mode, the layers of the random network neither explode nor vanish."""
    twin = randomised(classifier, 3)
    norms = [m for m in twin.modules() if isinstance(m, nn.BatchNorm2d)]
    spreads = []
    handles = [
        m.register_forward_hook(lambda _m, _i, out: spreads.append(float(out.detach().std())))
        for m in norms
    ]
    images = np.random.default_rng(0).integers(0, 256, (8, 64, 64), np.uint8)
    twin(twin.preprocess(images))
    for handle in handles:
        handle.remove()
    assert len(spreads) == len(norms)
    assert min(spreads) > 0.05
    assert max(spreads) < 20
    assert all(m.momentum == 0.1 for m in norms)


@pytest.mark.parametrize("inner", [LungMask(), ENTRY])
def test_what_has_no_weights_is_refused(classifier, inner):
    with pytest.raises(InputError, match="no trained weights"):
        random_weights.make(_context(classifier), RandomWeights(of=inner))


def test_each_trained_network_has_a_random_twin_of_its_own(classifier, cases):
    other = copy.deepcopy(classifier)
    with torch.no_grad():
        next(other.network.parameters()).add_(1)
    assert weights_digest(classifier) == weights_digest(copy.deepcopy(classifier))
    assert weights_digest(classifier) != weights_digest(other)
    # All weights are redrawn, so only the seed can make the two maps differ.
    assert not np.allclose(_maps(classifier, cases[:1])[0], _maps(other, cases[:1])[0])
