"""Cascading randomisation: nested and finite; other layers stay as trained."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.sanity.cascade import cascade, stages_of


def test_stages_go_from_the_last_layer_to_the_whole_network(convolutional):
    stages = stages_of(convolutional.network, 3)
    assert [stage.depth for stage in stages] == [1, 2, 3]
    assert [stage.layer for stage in stages] == ["9", "4", "0"]
    assert stages[0].modules == ("9",)
    assert stages[1].modules == ("4", "5", "9")
    assert stages[-1].share == 1
    assert stages[0].share == pytest.approx(387 / (80 + 16 + 584 + 16 + 387))
    assert len(stages_of(convolutional.network, 50)) == 5  # no more stages than layers


def test_the_first_stage_has_all_heads_of_a_distilled_network():
    with torch.device("meta"):
        stages = stages_of(build("timm:levit_128s", 3), 2)
    assert (stages[0].layer, stages[0].modules) == (
        "head.linear",
        ("head.linear", "head_dist.linear"),
    )
    assert stages[1].share == 1


def test_what_stands_below_is_as_trained_and_random_weights_are_nested(convolutional):
    before = copy.deepcopy(convolutional.state_dict())
    stages = stages_of(convolutional.network, 3)
    twins = [twin.network.state_dict() for _, twin in cascade(convolutional, stages, 1)]
    trained = convolutional.network.state_dict()
    for stage, twin in zip(stages, twins, strict=True):
        for key, value in twin.items():
            name = key.rpartition(".")[0]
            if name not in stage.modules:
                assert torch.equal(value, trained[key]), (stage.depth, key)
            elif key.endswith("weight") and "norm" not in key and value.ndim > 1:
                assert not torch.equal(value, trained[key])
                assert torch.equal(value, twins[-1][key])
    again = [twin.network.state_dict() for _, twin in cascade(convolutional, stages, 1)]
    for one, other in zip(twins, again, strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)
    _, other_seed = next(iter(cascade(convolutional, stages, 2)))
    assert not torch.equal(other_seed.network[9].weight, twins[0]["9.weight"])
    for key, value in convolutional.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_activations_neither_fade_nor_blow_up_at_any_depth(name):
    """With initial statistics, normalisations do nothing. With trained ones, they do not fit."""
    torch.manual_seed(0)
    network = build(name, 3, image_size=32)
    # Simulate training: weights that no initialisation gives, and statistics that fit them.
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(5)
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        network.train()
        network(torch.rand(8, 3, 32, 32) * 4 - 2)
    classifier = Classifier(network, name, ("A", "B", "C"), image_size=32).eval()
    rows, columns = np.mgrid[:32, :32] / 32
    images = [127 + 120 * np.sin(k * rows + 2) * np.cos(7 * columns / k) for k in range(1, 7)]
    images = np.stack(images).astype(np.uint8)  # smooth, like radiographs
    depths = 0
    for stage, twin in cascade(classifier, stages_of(network, 3), 5):
        spreads = _spreads(twin, stage.modules, images)
        assert len(spreads) > 5 or stage.depth == 1
        assert all(0.05 < spread < 20 for spread in spreads), (stage.depth, spreads)
        assert twin(twin.preprocess(images)).std(dim=0).max() > 1e-4
        depths += 1
    assert depths == 3


@torch.no_grad()
def _spreads(classifier, names, images):
    """Return the standard deviations of the outputs of the named batch normalisations."""
    modules = dict(classifier.network.named_modules())
    found = []
    for name in names:
        if isinstance(modules[name], nn.BatchNorm2d):
            modules[name].register_forward_hook(
                lambda _module, _inputs, out: found.append(float(out.std()))
            )
    logits = classifier(classifier.preprocess(images))
    assert torch.isfinite(logits).all()
    return found


def test_outputs_that_are_not_finite_are_refused(convolutional):
    class Endless(nn.Linear):
        def reset_parameters(self):
            nn.init.constant_(self.weight, torch.inf)

    convolutional.network[9] = Endless(128, 3)
    with torch.no_grad():
        convolutional.network[9].weight.normal_()
    with pytest.raises(InputError, match="not finite"):
        next(cascade(convolutional, stages_of(convolutional.network, 2), 1))


def test_a_network_without_parameters_is_refused():
    with pytest.raises(InputError, match="no parameters"):
        stages_of(nn.Sequential(nn.Flatten(), nn.ReLU()), 3)
