"""Every CAM leads to the same map as pytorch-grad-cam, called directly on the image."""

import importlib
from functools import cache

import numpy as np
import pytest
import torch
from pytorch_grad_cam import (
    AblationCAM,
    EigenCAM,
    EigenGradCAM,
    FinerCAM,
    FullGrad,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    ScoreCAM,
    XGradCAM,
)
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import (
    ClassifierOutputSoftmaxTarget,
    ClassifierOutputTarget,
)

from fidelity import settings
from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Task
from fidelity.explainers.registry import METHODS
from tests.helpers.networks import short_densenets

SIDE = 64
PEERS = {
    "gradcam": GradCAM,
    "gradcam_plus_plus": GradCAMPlusPlus,
    "xgradcam": XGradCAM,
    "hirescam": HiResCAM,
    "layercam": LayerCAM,
    "eigencam": EigenCAM,
    "eigengradcam": EigenGradCAM,
    "finercam": FinerCAM,
    "scorecam": ScoreCAM,
    "ablationcam": AblationCAM,
    "fullgrad": FullGrad,
}
# These need a forward pass per channel, which is slow.
PER_CHANNEL = ("scorecam", "ablationcam")
EIGEN = ("eigencam", "eigengradcam")
EARLY = {"layer": "layer1"}
LAYERS = {"resnet18": "layer4", "densenet121": "features"}


@pytest.fixture(scope="module", params=LAYERS)
def net(request):
    """Return a network with random weights and logits above 0: Ablation-CAM divides by logits."""
    torch.manual_seed(0)
    with short_densenets():
        network = build(request.param, 4)
    with torch.no_grad():
        head = network.fc if request.param == "resnet18" else network.classifier
        head.bias.add_(3.0)
        # Set running statistics as a training does. With fresh ones, hardly any signal is left.
        network.train()
        for _ in range(3):
            network(torch.randn(8, 3, SIDE, SIDE))
    return Classifier(
        network.eval(), request.param, ("A", "B", "C", "D"), "softmax", image_size=SIDE
    ).eval()


def entry_of(method, **own):
    """Return the resolved config entry: the tests use the schema's defaults."""
    config = {
        "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19"]}},
        "classifiers": {"net": {"architecture": "resnet18"}},
        "explainers": {"cam": {"method": method, **own}},
    }
    return settings.load(config, check_files=False).explainers["cam"]


def explain(classifier, cases, method, target=1, batch=4, **own):
    module = importlib.import_module(f"fidelity.{METHODS[method].module}")
    made = module.make(Context(classifier, batch, 1, method), entry_of(method, **own))
    return made([Task(case, "a", target) for case in cases])


def package_s(classifier, case, method, target=1, **arguments):
    """Compute the map of one image as the package's README does; shape (SIDE, SIDE)."""
    image = classifier.preprocess(case.image[None])
    layer = classifier.network.get_submodule(LAYERS[classifier.architecture])
    cam = PEERS[method](classifier, [] if method == "fullgrad" else [layer])
    if method == "finercam":
        return cam(image, None, target_idx=target)[0]
    output = arguments.get("output", ClassifierOutputTarget)
    return cam(image, [output(target)])[0]


def processed(values):
    """Apply the package's steps for a map of one layer: ReLU, min-max, resize, min-max."""
    values = np.maximum(values, 0)[None]
    return scale_cam_image(scale_cam_image(values, (SIDE, SIDE)))[0]


@pytest.mark.parametrize("method", PEERS)
def test_native_map_leads_to_the_package_s(net, cases, method):
    for case in cases[: 1 if method in PER_CHANNEL else 3]:
        expected = package_s(net, case, method)
        # Use the package's batch sizes, because rounding depends on them. XGrad-CAM on DenseNet's
        # last layer (before its ReLU) divides by sums that nearly cancel.
        batch = {"scorecam": 16, "ablationcam": 32}.get(method, 1)
        (found,) = explain(net, [case], method, batch=batch)
        values = found.map.values
        assert np.ptp(expected) > 0.5
        if method == "fullgrad":
            ours = scale_cam_image(values[None])[0]
        elif method in EIGEN:  # in the package, LAPACK decides the sign
            ours = min(
                (processed(sign * values) for sign in (1, -1)),
                key=lambda each: np.abs(each - expected).max(),
            )
        else:
            ours = processed(values)
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_score_cam_by_probability_is_the_package_s(classifier, cases):
    expected = package_s(classifier, cases[0], "scorecam", output=ClassifierOutputSoftmaxTarget)
    (found,) = explain(classifier, cases[:1], "scorecam", output="probability")
    np.testing.assert_allclose(processed(found.map.values), expected, atol=1e-5)


def early(classifier, cases, method, **own):
    """Explain an early layer with few channels: some methods need a forward pass per channel."""
    return explain(classifier, cases, method, **own, **({} if method == "fullgrad" else EARLY))


@pytest.mark.parametrize("method", PEERS)
def test_grids_have_the_layer_s_size_and_full_grad_the_image_s(classifier, cases, method):
    (found,) = early(classifier, cases[:1], method)
    assert found.map.kind == ("dense" if method == "fullgrad" else "grid")
    assert found.map.values.shape == ((SIDE, SIDE) if method == "fullgrad" else (16, 16))


@pytest.mark.parametrize("method", PEERS)
def test_neither_neighbours_nor_their_targets_change_a_map(classifier, cases, method):
    together = early(classifier, cases[:2], method)
    alone = early(classifier, cases[1:2], method)
    np.testing.assert_array_equal(together[1].map.values, alone[0].map.values)


@pytest.mark.parametrize("method", PEERS)
def test_another_batch_size_gives_the_same_map(classifier, cases, method):
    """The maps differ only in the last digits, because kernels round by batch size."""
    some = cases[: 1 if method in PER_CHANNEL else 2]
    for first, second in zip(
        early(classifier, some, method, batch=2),
        early(classifier, some, method, batch=5),
        strict=True,
    ):
        peak = np.abs(first.map.values).max()
        np.testing.assert_allclose(first.map.values, second.map.values, atol=2e-4 * peak)


@pytest.mark.parametrize("method", PEERS)
def test_the_network_is_as_it_was(classifier, cases, method):
    parameters = dict(classifier.named_parameters())
    frozen = next(iter(parameters.values())).requires_grad_(False)
    for parameter in parameters.values():
        parameter.grad = None
    modules = [id(module) for module in classifier.modules()]
    try:
        early(classifier, cases[:1], method)
        flags = {name for name, each in parameters.items() if not each.requires_grad}
        assert len(flags) == 1
    finally:
        frozen.requires_grad_(True)
    assert all(parameter.grad is None for parameter in parameters.values())
    assert modules == [id(module) for module in classifier.modules()]
    assert not any(module._forward_hooks for module in classifier.modules())
    assert not classifier.training


@pytest.mark.parametrize("method", PEERS)
def test_all_parameters_may_be_frozen(classifier, cases, method):
    """The package raises an error here: no input of its backward pass requires a gradient."""
    before = early(classifier, cases[:1], method)[0].map.values
    classifier.requires_grad_(False)
    try:
        after = early(classifier, cases[:1], method)[0].map.values
    finally:
        classifier.requires_grad_(True)
    np.testing.assert_array_equal(after, before)


def test_every_cam_of_the_registry_is_compared():
    assert {name for name, method in METHODS.items() if method.family == "cam"} == set(PEERS)


@cache
def other_family(name):
    torch.manual_seed(0)
    network = build(name, 3, image_size=SIDE)
    found = Classifier(network, name, ("A", "B", "C"), "softmax", image_size=SIDE).eval()
    with torch.no_grad():
        for parameter in found.parameters():  # layer scales and heads start at 0
            parameter.add_(0.05 * torch.randn_like(parameter))
    return found


@pytest.mark.parametrize("name", ["convnext_tiny", "swin_t", "timm:vit_tiny_patch16_224"])
@pytest.mark.parametrize("method", sorted({*PEERS} - {"fullgrad"}))
def test_other_families_have_maps_too(cases, name, method):
    """Also with channels-last and token outputs, GELU and LayerNorm."""
    if method == "scorecam" and "vit" not in name:
        pytest.skip("a pass for each of 768 channels")
    (made,) = explain(
        other_family(name), cases[:1], method, batch=32 if method in PER_CHANNEL else 2
    )
    side = 4 if "vit" in name else 2
    assert made.map.values.shape == (side, side)
    assert np.isfinite(made.map.values).all()
    assert np.ptp(made.map.values) > 0
