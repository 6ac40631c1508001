"""Gradient methods against captum and zennit, called directly on networks that suit them."""

import numpy as np
import pytest
import torch
import torchvision
from captum.attr import (
    DeepLift,
    GradientShap,
    GuidedBackprop,
    GuidedGradCam,
    InputXGradient,
    IntegratedGradients,
    NoiseTunnel,
    Saliency,
)
from torch import nn
from zennit.attribution import Gradient
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import COMPOSITES
from zennit.torchvision import ResNetCanonizer

from fidelity.classifiers.model import Classifier
from tests.helpers.gradient_cases import images_of, maps, noise_cases

SIDE = 24
CASES = noise_cases(SIDE)
ZENNIT = [
    "epsilon_plus",
    "epsilon_plus_flat",
    "epsilon_gamma_box",
    "epsilon_alpha2_beta1",
    "epsilon_alpha2_beta1_flat",
]


def small(channels=3, norm=False):
    """Build a network that suits captum.

    ReLU modules are separate, pools do not overlap, and no two hooked modules follow each other.
    """
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1),
        nn.BatchNorm2d(6) if norm else nn.Identity(),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * (SIDE // 4) ** 2, 10),
        nn.ReLU(),
        nn.Linear(10, 3),
    )
    if norm:
        with torch.no_grad():
            network[1].running_mean.normal_(0, 0.3)
            network[1].running_var.uniform_(0.5, 2)
            network[1].weight.uniform_(0.5, 1.5)
            network[1].bias.normal_(0, 0.3)
    values = (0.5,) * channels, (0.25,) * channels
    return Classifier(
        network, "plugin:small", ("A", "B", "C"), "softmax", channels, *values, SIDE
    ).eval()


@pytest.fixture(scope="module")
def classifier():
    return small()


def check(found, expected):
    expected = expected.detach().sum(1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def black(classifier, x):
    return classifier.normalise(torch.zeros(len(x), SIDE, SIDE))


PEERS = {
    "gradient": lambda c, x: Saliency(c).attribute(x, 1, abs=False),
    "input_x_gradient": lambda c, x: InputXGradient(c).attribute(x, 1),
    "integrated_gradients": lambda c, x: IntegratedGradients(c).attribute(
        x, black(c, x), 1, n_steps=50
    ),
    "guided_backprop": lambda c, x: GuidedBackprop(c).attribute(x, 1),
    "guided_gradcam": lambda c, x: GuidedGradCam(c, c.network[4]).attribute(
        x, 1, interpolate_mode="bilinear"
    ),
    "deeplift": lambda c, x: DeepLift(c).attribute(x, black(c, x), 1),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("method", PEERS)
def test_maps_are_captum_s(classifier, method):
    own = {"magnitude": False} if method == "gradient" else {}
    own = {"layer": "4"} if method == "guided_gradcam" else own
    expected = PEERS[method](classifier, images_of(classifier, CASES).requires_grad_())
    assert expected.abs().max() > 0
    check(maps(classifier, CASES, method, **own), expected)


def correlations(first, second):
    return [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(first, second, strict=True)]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_smoothgrad_converges_to_captum_s():
    """The network has one channel, because captum draws noise for each channel separately.

    A grey image has no separate channels.
    """
    classifier = small(channels=1)
    x = images_of(classifier, CASES)
    spread = (x.amax() - x.amin()).item()
    torch.manual_seed(0)
    peer = NoiseTunnel(Saliency(classifier)).attribute(
        x, nt_type="smoothgrad", nt_samples=300, stdevs=0.15 * spread, target=1, abs=False
    )
    ours = maps(classifier, CASES, "smoothgrad", samples=300, magnitude=False)
    assert min(correlations(ours, peer.sum(1).numpy())) > 0.98
    plain = maps(classifier, CASES, "gradient", magnitude=False)
    assert max(correlations(plain, peer.sum(1).numpy())) < 0.97


def test_gradient_shap_converges_to_captum_s(classifier):
    x = images_of(classifier, CASES)
    np.random.seed(0)
    torch.manual_seed(0)
    peer = GradientShap(classifier).attribute(x, black(classifier, x)[:1], n_samples=200, target=1)
    ours = maps(classifier, CASES, "gradient_shap", samples=200, noise=0)
    assert min(correlations(ours, peer.sum(1).detach().numpy())) > 0.99
    size = peer.sum(1).detach().abs().mean((1, 2))
    np.testing.assert_allclose(np.abs(ours).mean((1, 2)), size, rtol=0.2)


def zennit_maps(network, classifier, x, name, canonizers):
    """Compute zennit's own map, with relevance that starts at the logit."""
    given = {}
    if name == "epsilon_gamma_box":
        ones = torch.ones(1, x.shape[2], x.shape[3])
        given = {"low": classifier.normalise(0 * ones), "high": classifier.normalise(ones)}
    with torch.no_grad():
        logits = network(x)
    start = torch.zeros_like(logits)
    start[:, 1] = logits[:, 1]
    rules = COMPOSITES[name](canonizers=canonizers, **given)
    with Gradient(network, rules) as attributor:
        return attributor(x.clone().requires_grad_(), start)[1]


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("name", ZENNIT)
def test_lrp_is_zennit_s(name, norm):
    classifier = small(norm=norm)
    ours = maps(classifier, CASES, "lrp", composite=name)
    x = images_of(classifier, CASES)
    check(ours, zennit_maps(classifier.network, classifier, x, name, [SequentialMergeBatchNorm()]))


@pytest.mark.parametrize("name", ZENNIT)
def test_lrp_of_a_resnet_is_that_of_zennit_s_canonizer(name):
    """This project rewrites the traced network. zennit rewrites torchvision's blocks by class."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18(num_classes=3)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
                module.bias.normal_(0, 0.1)
    classifier = Classifier(network, "resnet18", ("A", "B", "C"), image_size=64).eval()
    cases = noise_cases(64, 2)
    ours = maps(classifier, cases, "lrp", composite=name)
    x = images_of(classifier, cases)
    expected = zennit_maps(network, classifier, x, name, [ResNetCanonizer()]).sum(1).numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-3 * np.abs(expected).max())
