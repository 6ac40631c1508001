"""Traps of methods that change the backward pass. Each is first shown in the package."""

import warnings

import numpy as np
import pytest
import torch
import torchvision
from captum.attr import DeepLift, GuidedBackprop
from torch import nn
from torch.overrides import TorchFunctionMode

from fidelity.base import counting
from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.explainers.gradients import deeplift, modules, operations, relevance
from fidelity.explainers.gradients.modules import RELU_CALLS, with_network, with_own_modules
from tests.helpers.gradient_cases import GRADIENTS, explain, images_of, maps, noise_cases

SIDE = 64
CASES = noise_cases(SIDE, 3)


def net(architecture, network=None):
    torch.manual_seed(0)
    network = build(architecture, 3, image_size=SIDE) if network is None else network
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.bias.normal_(0, 0.1)
    values = (0.5,) * 3, (0.25,) * 3
    return Classifier(network, architecture, ("A", "B", "C"), "softmax", 3, *values, SIDE).eval()


@pytest.fixture(scope="module")
def resnet():
    return net("resnet18")


@pytest.fixture(scope="module")
def densenet():
    return net("densenet121")


class GuidedRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient.clamp(min=0) * (ctx.saved_tensors[0] > 0)


class AllRelusGuided(TorchFunctionMode):
    """The reference: every ReLU, however it is called, gets the guided backward pass."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in RELU_CALLS:
            return GuidedRelu.apply(args[0])
        return func(*args, **(kwargs or {}))


def guided_reference(classifier, cases):
    x = images_of(classifier, cases).requires_grad_()
    with AllRelusGuided():
        logits = classifier(x)
    return torch.autograd.grad(logits[:, 1].sum(), x)[0].sum(1).numpy()


@pytest.mark.parametrize("architecture", ["resnet18", "densenet121"])
def test_guided_backprop_reaches_every_relu(architecture):
    classifier = net(architecture)
    expected = guided_reference(classifier, CASES)
    peak = np.abs(expected).max()
    np.testing.assert_allclose(
        maps(classifier, CASES, "guided_backprop"), expected, atol=1e-4 * peak
    )
    plain = maps(classifier, CASES, "gradient", magnitude=False)
    assert np.abs(plain - expected).max() > 0.1 * peak


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_captum_alone_misses_densenet_s_last_relu(densenet):
    x = images_of(densenet, CASES).requires_grad_()
    raw = GuidedBackprop(densenet).attribute(x, 1).sum(1).numpy()
    expected = guided_reference(densenet, CASES)
    assert np.abs(raw - expected).max() > 0.05 * np.abs(expected).max()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_captum_s_deeplift_alone_fails_or_does_not_add_up(resnet, densenet):
    """A reused ReLU module raises an error. A functional ReLU is ignored without a warning."""
    x = images_of(resnet, CASES)
    zeros = torch.zeros_like(x)
    with pytest.raises((RuntimeError, AttributeError, AssertionError)):
        DeepLift(resnet).attribute(x, zeros, 1)
    values = DeepLift(densenet).attribute(x, zeros, 1)
    with torch.no_grad():
        change = (densenet(x) - densenet(zeros))[:, 1]
    assert ((values.sum((1, 2, 3)) - change).abs() > 0.02 * change.abs()).any()


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [("resnet18", "black"), ("resnet18", "mean"), ("resnet18", "blur"), ("densenet121", "blur")],
)
def test_deeplift_adds_up(architecture, kind):
    for found in explain(net(architecture), CASES, "deeplift", baseline=kind):
        difference = found.extras["logit_difference"]
        assert abs(difference) > 1e-3
        assert abs(found.extras["completeness_error"]) < 1e-3 * abs(difference) + 1e-5


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("relu", "pool"), [(False, nn.MaxPool2d(3, 2, 1)), (True, nn.MaxPool2d(2))]
)
def test_captum_s_rule_for_pools_does_not_add_up(relu, pool):
    """Either windows overlap or a ReLU precedes the pool: `RescaledMaxPool` handles both."""
    torch.manual_seed(0)
    before = [nn.Conv2d(1, 3, 3), *([nn.ReLU()] if relu else [])]
    after = [nn.Flatten(), nn.Linear(108, 2)]
    x, start = torch.randn(2, 1, 14, 14), torch.randn(2, 1, 14, 14)

    def error(network):
        values = DeepLift(network).attribute(x, start, 1).sum((1, 2, 3))
        return (values - (network(x) - network(start))[:, 1]).abs().max()

    assert error(nn.Sequential(*before, pool, *after)) > 0.01
    assert error(nn.Sequential(*before, deeplift.RescaledMaxPool(pool), *after)) < 1e-5


def test_rescaled_max_pool_is_captum_s_rule_where_windows_do_not_overlap():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2))
    ours = nn.Sequential(plain[0], deeplift.RescaledMaxPool(plain[1]), *plain[2:])
    x, start = torch.randn(2, 1, 8, 8), torch.randn(2, 1, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = (DeepLift(m).attribute(x, start, 1) for m in (plain, ours))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("architecture", "composite"),
    [
        ("resnet18", "epsilon_plus"),
        ("resnet18", "epsilon_gamma_box"),
        ("densenet121", "epsilon_plus"),
    ],
)
def test_relevance_is_conserved_but_for_biases(architecture, composite):
    torch.manual_seed(0)
    classifier = Classifier(build(architecture, 3), architecture, ("A", "B", "C"), image_size=SIDE)
    with torch.no_grad():
        for name, values in classifier.named_parameters():
            if name.endswith("bias"):
                values.zero_()
    for found in explain(classifier.eval(), CASES, "lrp", composite=composite):
        assert abs(found.extras["conservation_error"]) < 0.01 * abs(found.extras["logit"])


def test_norms_are_merged_after_convolutions_and_kept_elsewhere(resnet, densenet):
    def norms(classifier):
        network = relevance.canonised(classifier).network
        return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())

    assert norms(resnet) == 0
    # These norms do not follow a convolution of their own: the first in each of 58 layers and
    # 3 transitions, and the last.
    assert norms(densenet) == 62


def test_a_network_is_traced_while_a_job_counts_passes(resnet):
    """Counting hooks every module, even when tracing passes symbolic values through it."""
    plain = [node.name for node in with_own_modules(resnet).network.graph.nodes]
    with counting.counted() as passes:
        counted = [node.name for node in with_own_modules(resnet).network.graph.nodes]
    assert counted == plain
    assert passes.forward > 0


def test_a_twin_whose_relus_cannot_be_hooked_is_refused(resnet, densenet):
    for classifier in (resnet, densenet):
        with pytest.raises(InputError, match="ReLUs, but hooks reach"):
            modules.check_relus(classifier, with_network(classifier, classifier.network))
        modules.check_relus(classifier, with_own_modules(classifier))


def test_a_twin_with_other_logits_is_refused(resnet):
    twin = with_own_modules(resnet)
    with torch.no_grad():
        twin.network.get_submodule("fc").bias.add_(1e-3)
    with pytest.raises(InputError, match="other logits"):
        modules.check_equal(resnet, twin)


class Branching(nn.Module):
    """The path depends on values, so a trace would record only one of two networks."""

    def __init__(self):
        super().__init__()
        self.first, self.relu, self.last = nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Linear(4, 3)

    def forward(self, x):
        x = self.first(x)
        if x.mean() > 0:
            x = self.relu(x)
        return self.last(x.mean((2, 3)))


class Functional(nn.Module):
    """Calls ReLU and pooling in every possible way."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.last = nn.ReLU(inplace=True), nn.Linear(16, 3)

    def forward(self, x):
        x = nn.functional.max_pool2d(nn.functional.relu(self.first(x), inplace=True), 3, stride=2)
        x = self.relu(self.second(x)) + x.relu()
        x = nn.functional.avg_pool2d(torch.relu_(self.second(self.relu(x))), 2)
        x = nn.functional.adaptive_avg_pool2d(x, output_size=2)
        return self.last(torch.flatten(x, 1).relu_())


def test_every_way_to_call_a_relu_is_found():
    classifier = net("plugin:functional", Functional())
    twin = with_own_modules(classifier)
    assert sum(isinstance(module, nn.ReLU) for module in twin.modules()) == 6
    kinds = {type(module) for module in twin.modules()}
    assert {nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d} <= kinds
    expected = guided_reference(classifier, CASES)
    found = maps(classifier, CASES, "guided_backprop")
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    for each in explain(classifier, CASES, "deeplift"):
        assert abs(each.extras["completeness_error"]) < 1e-5
    assert maps(classifier, CASES, "lrp").any()


@pytest.mark.parametrize(
    ("network", "method", "message"),
    [
        (Branching(), "deeplift", "cannot be traced"),
        (nn.Sequential(nn.Conv2d(3, 3, 64), nn.Flatten()), "guided_backprop", "has no ReLU"),
        (nn.Sequential(nn.Conv2d(3, 3, 64), nn.GELU(), nn.Flatten()), "deeplift", "GELU"),
        (nn.Sequential(nn.Conv2d(3, 3, 64), nn.ReLU6(), nn.Flatten()), "guided_backprop", "ReLU6"),
        (nn.Sequential(nn.Conv2d(3, 3, 64), nn.Softmax(1), nn.Flatten()), "lrp", "Softmax"),
    ],
)
def test_networks_without_a_rule_are_refused(network, method, message):
    with pytest.raises(InputError, match=message):
        operations.with_known_operations(net("plugin:own", network), method)


@pytest.mark.parametrize("method", GRADIENTS)
def test_neither_batch_nor_neighbours_change_a_map(resnet, method):
    own = {"samples": 2} if method in ("smoothgrad", "gradient_shap") else {}
    own = {"steps": 3} if method == "integrated_gradients" else own
    together = explain(resnet, CASES, method, **own)
    (alone,) = explain(resnet, CASES[2:], method, **own)
    np.testing.assert_array_equal(together[2].map.values, alone.map.values)
    assert together[2].extras == alone.extras
    assert not np.allclose(together[0].map.values, together[1].map.values)


@pytest.mark.parametrize(
    "method", ["gradient", "integrated_gradients", "guided_gradcam", "deeplift", "lrp"]
)
def test_the_classifier_stays_as_it_was(method):
    network = torchvision.models.resnet18(num_classes=3)
    classifier = Classifier(network, "resnet18", ("A", "B", "C"), image_size=SIDE).eval()
    before = {name: values.clone() for name, values in classifier.state_dict().items()}
    own = {"steps": 2} if method == "integrated_gradients" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # captum's, of no use in a log
        warnings.filterwarnings("ignore", message="(?!.*(hooks|require))")
        explain(classifier, CASES[:1], method, batch=1, **own)
    for name, values in classifier.state_dict().items():
        assert torch.equal(values, before[name]), name
    assert all(each.grad is None and each.requires_grad for each in classifier.parameters())
    assert not any(
        each._forward_hooks or each._forward_pre_hooks or each._backward_hooks
        for each in classifier.modules()
    )
