"""Traps of pytorch-grad-cam that this project avoids. Each is first shown in the package."""

import contextlib
import dataclasses
import importlib
import warnings

import numpy as np
import pytest
import torch
import torchvision
from pytorch_grad_cam import AblationCAM, FinerCAM, FullGrad, GradCAM, ScoreCAM
from pytorch_grad_cam.grad_cam_plusplus import GradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget, FinerWeightedTarget
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection
from pytorch_grad_cam.xgrad_cam import XGradCAM
from torch import nn

from fidelity import settings
from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build
from fidelity.classifiers.cam_layers.choose import CamLayer
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Task
from fidelity.explainers.cam import ablation_cam, score_cam
from fidelity.explainers.cam.layer_reader import LayerReader, frozen
from fidelity.explainers.cam.methods import (
    BoundedGradCAMPlusPlus,
    FinerTarget,
    StableXGradCAM,
    first_component,
)
from fidelity.explainers.gradients import fullgrad
from fidelity.explainers.registry import METHODS
from fidelity.settings.explainers import Ablationcam, Explainer, Finercam, Fullgrad

SIDE = 32


def small(seed=0, classes=3, after=nn.ReLU):
    """Build conv, batch normalisation with statistics, ReLU, conv, ReLU, mean and linear layer."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, 2, 1),
        after(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, classes),
    )
    network[1].running_mean.normal_()
    network[1].running_var.uniform_(0.5, 2)
    nn.init.normal_(network[1].bias)
    return wrapped(network, tuple("ABCDEF"[:classes]))


def wrapped(network, classes=("A", "B", "C")):
    return Classifier(network, "plugin:small", classes, "softmax", image_size=SIDE).eval()


def maps_of(classifier, cases, method, target=1, batch=4, **own):
    module = importlib.import_module(f"fidelity.{METHODS[method].module}")
    layer = {} if method == "fullgrad" else {"layer": "4"}
    entry = Explainer.model_validate({"method": method, **layer, **own})
    tasks = [Task(case, "a", target) for case in cases]
    return [e.map.values for e in module.make(Context(classifier, batch, 1, method), entry)(tasks)]


@pytest.fixture
def shrunk(cases):
    return [dataclasses.replace(case, image=case.image[::2, ::2].copy()) for case in cases]


def image_of(classifier, case):
    return classifier.preprocess(case.image[None])


# ---- where the graph begins ----


def test_the_package_cannot_explain_a_frozen_network(shrunk):
    classifier = small().requires_grad_(False)
    with pytest.raises((RuntimeError, AttributeError, IndexError)):
        GradCAM(classifier, [classifier.network[4]])(
            image_of(classifier, shrunk[0]), [ClassifierOutputTarget(1)]
        )
    assert np.ptp(maps_of(classifier, shrunk[:1], "gradcam")[0]) > 0


def test_nothing_before_the_layer_is_in_the_graph(shrunk):
    classifier = small()
    layer = CamLayer("4", classifier.network[4], (8, 8), None)
    inputs = []
    handle = classifier.network[4].register_forward_pre_hook(
        lambda _m, args: inputs.append(args[0])
    )
    reader = LayerReader(classifier, layer, gradients=True)
    logits = reader(image_of(classifier, shrunk[0]))
    handle.remove()
    assert not inputs[0].requires_grad
    logits[0, 1].backward()
    assert reader.gradients.any()
    assert all(parameter.grad is None for parameter in classifier.parameters())


def test_flags_come_back_when_a_pass_raises():
    classifier = small()
    classifier.network[0].weight.requires_grad_(False)
    with contextlib.suppress(KeyError), frozen(classifier):
        assert not any(p.requires_grad for p in classifier.parameters())
        raise KeyError
    off = [n for n, p in classifier.named_parameters() if not p.requires_grad]
    assert off == ["network.0.weight"]
    layer = CamLayer("4", classifier.network[4], (8, 8), None)
    with pytest.raises(RuntimeError):
        LayerReader(classifier, layer, gradients=True)(torch.zeros(1, 5, SIDE, SIDE))
    assert not any(module._forward_hooks for module in classifier.modules())


def test_an_operation_in_place_does_not_overwrite_what_is_read():
    """The last ReLU of torchvision's DenseNet overwrites the map that the package has stored."""
    torch.manual_seed(0)
    network = torchvision.models.densenet121(num_classes=3).eval()
    classifier = Classifier(network, "own", ("A", "B", "C"), "softmax", image_size=64).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before_relu = network.features(image)
    assert (before_relu < 0).any()
    peer = GradCAM(classifier, [network.features])
    peer(image, [ClassifierOutputTarget(1)])
    assert (peer.activations_and_grads.activations[0] >= 0).all()
    reader = LayerReader(classifier, CamLayer("features", network.features, (2, 2), None), True)
    reader(image)[0, 1].backward()
    torch.testing.assert_close(reader.activations, before_relu)


def test_a_layer_used_twice_is_read_at_its_last_use(shrunk):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1)
            self.relu, self.head = nn.ReLU(), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.relu(self.second(self.relu(self.first(x)))).mean((2, 3)))

    torch.manual_seed(0)
    classifier = wrapped(Twice())
    (values,) = maps_of(classifier, shrunk[:1], "gradcam", layer="relu")
    assert values.shape == (8, 8)
    peer = GradCAM(classifier, [classifier.network.relu])
    peer(image_of(classifier, shrunk[0]), [ClassifierOutputTarget(1)])
    kept = peer.activations_and_grads
    expected = (kept.gradients[1].mean((2, 3), keepdim=True) * kept.activations[1]).sum(1)[0]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-6)


def test_an_index_error_is_not_swallowed(shrunk):
    classifier = small()
    image = image_of(classifier, shrunk[0])
    with GradCAM(classifier, [classifier.network[4]]) as peer:
        peer(image, [ClassifierOutputTarget(7)])
        pytest.fail("never reached: the block has swallowed the IndexError")
    with pytest.raises(IndexError):
        maps_of(classifier, shrunk[:1], "gradcam", target=7)


def test_a_map_that_is_negative_everywhere_is_kept(shrunk):
    classifier = small()
    with torch.no_grad():
        classifier.network[7].weight[1] = -classifier.network[7].weight[1].abs()
    (values,) = maps_of(classifier, shrunk[:1], "gradcam")
    peer = GradCAM(classifier, [classifier.network[4]])
    assert not peer(image_of(classifier, shrunk[0]), [ClassifierOutputTarget(1)]).any()
    assert values.max() <= 0
    assert np.ptp(values) > 0


# ---- divisions ----


def test_xgradcam_does_not_divide_by_rounding_errors():
    activations = np.array([[[[1.0, -1.0]], [[2.0, 4.0]]]], np.float32)
    gradients = np.array([[[[0.3, 0.1]], [[0.2, 0.2]]]], np.float32)
    arguments = (None, None, None, activations, gradients)
    theirs = XGradCAM.get_cam_weights(None, *arguments)
    ours = StableXGradCAM.get_cam_weights(None, *arguments)
    assert theirs[0, 0] > 1e6
    np.testing.assert_allclose(ours, [[0, 0.2]], rtol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zeros = np.zeros_like(activations)
        assert not StableXGradCAM.get_cam_weights(None, None, None, None, zeros, gradients).any()
        # The sum of -1e-7 and the package's 1e-7 is 0.
        zeros[0, 0, 0, 0] = -1e-7
        assert np.isfinite(
            StableXGradCAM.get_cam_weights(None, None, None, None, zeros, gradients)
        ).all()


def _plus_plus(activations, gradients, epsilon):
    cam = BoundedGradCAMPlusPlus.__new__(BoundedGradCAMPlusPlus)
    cam.epsilon = epsilon
    cam.activations_and_grads = LayerReader(None, None, False)  # `cam` releases it when deleted
    return cam.get_cam_weights(None, None, None, activations, gradients)


def test_gradcam_plus_plus_stays_in_range_where_activations_are_negative():
    """2g² + g³ΣA is -8 here, so the package gives a helpful channel a negative weight."""
    activations = np.full((1, 1, 2, 2), -1.5, np.float32)
    gradients = np.full((1, 1, 2, 2), 2.0, np.float32)
    theirs = GradCAMPlusPlus.get_cam_weights(None, None, None, None, activations, gradients)
    assert theirs[0, 0] < 0
    assert _plus_plus(activations, gradients, 1e-6)[0, 0] == pytest.approx(4 * 2.0)
    third = np.full((1, 1, 2, 2), -1 / 3, np.float32)  # the pole, up to rounding
    assert abs(_plus_plus(third, 0.75 * gradients, 0)[0, 0]) <= 4 * 1.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not _plus_plus(activations, np.zeros_like(gradients), 0).any()


def test_gradcam_plus_plus_without_epsilon_is_the_paper_s():
    rng = np.random.default_rng(0)
    activations = rng.random((1, 5, 3, 3)).astype(np.float32)
    gradients = (1e-3 * rng.standard_normal((1, 5, 3, 3))).astype(np.float32)
    total = activations.sum((2, 3), keepdims=True)
    paper = (np.maximum(gradients, 0) / (2 + total * gradients)).sum((2, 3))
    np.testing.assert_allclose(_plus_plus(activations, gradients, 0), paper, rtol=1e-5)
    # At gradients of this size, the package's epsilon removes about a third to all of the weight.
    assert (_plus_plus(activations, gradients, 1e-6) < 0.9 * paper).all()


# ---- Eigen-CAM ----


def test_the_sign_of_a_component_is_declared(monkeypatch):
    rng = np.random.default_rng(1)
    features = rng.random((4, 6, 5, 5)).astype(np.float32)
    features[:, :, 2, 2] += 3  # one strong position
    ours = first_component(features)
    svd = np.linalg.svd

    def turned(*arguments, **keywords):
        u, s, vt = svd(*arguments, **keywords)
        return -u, s, -vt  # an equally valid decomposition

    theirs = get_2d_projection(features)
    monkeypatch.setattr(np.linalg, "svd", turned)
    np.testing.assert_allclose(get_2d_projection(features), -theirs, rtol=1e-5)
    np.testing.assert_array_equal(first_component(features), ours)
    assert [np.unravel_index(each.argmax(), each.shape) for each in ours] == [(2, 2)] * 4
    for each, feature in zip(ours, features, strict=True):
        assert np.corrcoef(each.ravel(), feature.mean(0).ravel())[0, 1] > 0


def test_a_component_without_a_mean_gets_its_largest_value_positive():
    features = np.zeros((1, 2, 1, 3), np.float32)
    features[0, 0, 0] = [-2, 1, 1]
    features[0, 1, 0] = [2, -1, -1]  # the mean over channels is flat
    assert first_component(features)[0, 0, 0] > 0


def test_constant_and_broken_activations():
    levels = np.random.default_rng(0).random((1, 8, 1, 1), dtype=np.float32)
    constant = np.broadcast_to(levels, (1, 8, 7, 7)).copy()
    assert get_2d_projection(constant).any()  # a map of rounding errors
    assert not first_component(constant).any()
    broken = constant.copy()
    broken[0, 0, 0, 0] = np.nan
    assert np.isfinite(get_2d_projection(broken)).all()
    with pytest.raises(ValueError, match="not finite"):
        first_component(broken)


def test_eigen_cam_knows_of_no_class(shrunk):
    classifier = small()
    maps = [maps_of(classifier, shrunk[:1], "eigencam", target=target)[0] for target in (0, 1)]
    np.testing.assert_array_equal(*maps)


# ---- Finer-CAM ----


def test_finer_cam_compares_each_image_s_own_class(shrunk):
    """With targets, the package gives Grad-CAM. Without, it uses one class for the whole batch."""
    classifier = small(classes=5)
    module = importlib.import_module("fidelity.explainers.cam.cam")
    entry = Finercam(layer="4")
    explain = module.make(Context(classifier, 4, 1, "finercam"), entry)
    found = explain([Task(case, "a", index) for index, case in enumerate(shrunk[:3])])
    peer = FinerCAM(classifier, [classifier.network[4]])
    image = image_of(classifier, shrunk[1])
    plain = GradCAM(classifier, [classifier.network[4]])(image, [ClassifierOutputTarget(1)])
    np.testing.assert_allclose(peer(image, [ClassifierOutputTarget(1)]), plain, atol=1e-6)
    for index, case in enumerate(shrunk[:3]):
        (alone,) = maps_of(classifier, [case], "finercam", target=index, alpha=1.0, comparisons=3)
        np.testing.assert_allclose(found[index].map.values, alone, rtol=1e-4, atol=1e-6)
        (grad,) = maps_of(classifier, [case], "gradcam", target=index)
        assert np.corrcoef(grad.ravel(), alone.ravel())[0, 1] < 0.999


def test_finer_cam_of_a_certain_classifier_keeps_its_sign():
    logits = torch.tensor([25.0, 0.0], requires_grad=True)
    FinerWeightedTarget(0, [1], 1.0)(logits).backward()
    assert logits.grad[0] < 0  # a higher logit of the class lowers the score
    logits.grad = None
    value = FinerTarget(0, 3, 1.0)(logits)
    value.backward()
    assert value.item() == pytest.approx(25)
    torch.testing.assert_close(logits.grad, torch.tensor([1.0, -1.0]))


def test_finer_cam_needs_a_second_class():
    with pytest.raises(InputError, match="compares classes"):
        maps_of(small(classes=1), [], "finercam", alpha=1.0, comparisons=3)


# ---- Score-CAM ----


def test_a_channel_that_does_not_vary_masks_everything(shrunk):
    """The package scales the rounding errors of an enlarged constant up to a mask."""
    classifier = small()
    image = image_of(classifier, shrunk[0])
    constant = torch.full((1, 7, 7), 3.3)
    up = nn.UpsamplingBilinear2d(size=(SIDE, SIDE))(constant[None])
    assert float(((up - up.min()) / (up.max() - up.min() + 1e-8)).max()) > 0.9
    varied = torch.rand(2, 7, 7)
    scores, passes = score_cam.channel_scores(
        classifier, image, torch.cat([constant, varied]), 1, "logit", 4
    )
    with torch.no_grad():
        empty = classifier(torch.zeros_like(image))[0, 1]
    assert float(scores[0]) == pytest.approx(float(empty), rel=1e-5)
    assert passes == 3


def test_masked_images_come_in_batches(shrunk, monkeypatch):
    classifier = small()
    sizes = []
    handle = classifier.register_forward_pre_hook(lambda _m, args: sizes.append(len(args[0])))
    maps_of(classifier, shrunk[:3], "scorecam", batch=2, output="logit")
    handle.remove()
    assert max(sizes) <= 2
    peer = ScoreCAM(classifier, [classifier.network[4]])
    assert not hasattr(peer, "batch_size")  # always 16, whatever the machine's memory


# ---- Ablation-CAM ----


def test_a_negative_logit_does_not_turn_the_map(shrunk):
    classifier = small()
    (before,) = maps_of(classifier, shrunk[:1], "ablationcam")
    image = image_of(classifier, shrunk[0])

    def theirs():
        cam = AblationCAM(classifier, [classifier.network[4]])
        return cam(image, [ClassifierOutputTarget(1)])[0]

    with torch.no_grad():
        logit = float(classifier(image)[0, 1])
        classifier.network[7].bias[1] += 5 - logit
        high = theirs()
        classifier.network[7].bias[1] -= 10
        low = theirs()
    (after,) = maps_of(classifier, shrunk[:1], "ablationcam")
    assert np.abs(high - low).max() > 0.9
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_ablation_sets_channels_to_zero_in_batches_of_any_size(shrunk):
    """After a layer with negative values, the package subtracts another 1e7 in every row."""
    classifier = small(after=nn.Identity)
    image = image_of(classifier, shrunk[0])
    theirs = [
        AblationCAM(classifier, [classifier.network[4]], batch_size=size)(
            image, [ClassifierOutputTarget(1)]
        )[0]
        for size in (1, 6)
    ]
    assert np.abs(theirs[0] - theirs[1]).max() > 0.1
    ours = [maps_of(classifier, shrunk[:1], "ablationcam", batch=size)[0] for size in (1, 6)]
    np.testing.assert_allclose(ours[0], ours[1], rtol=1e-4, atol=1e-6)
    with torch.no_grad():
        activations = classifier.network[:5](image)
        logits = classifier.network[5:](activations)
        weights = []
        for channel in range(6):
            less = activations.clone()
            less[:, channel] = 0
            weights.append(float((logits - classifier.network[5:](less))[0, 1]))
        expected = (torch.tensor(weights)[:, None, None] * activations[0]).sum(0)
    np.testing.assert_allclose(ours[0], expected, rtol=1e-3, atol=1e-5)


def test_the_network_survives_a_pass_that_raises(shrunk):
    class Fragile(nn.Module):
        fails = False

        def forward(self, x):
            if self.fails:
                raise RuntimeError("out of memory")
            return x

    classifier = small()
    fragile = classifier.network[6] = nn.Sequential(nn.Flatten(), Fragile())
    layer = classifier.network[4]
    image = image_of(classifier, shrunk[0])
    cam = AblationCAM(classifier, [layer], batch_size=2)
    explain = ablation_cam.make(Context(classifier, 2, 1, "ablationcam"), Ablationcam(layer="4"))
    calls = []

    def fail_later(*_):
        calls.append(1)
        fragile[1].fails = len(calls) > 2

    classifier.register_forward_pre_hook(fail_later)
    with pytest.raises(RuntimeError, match="out of memory"):
        cam(image, [ClassifierOutputTarget(1)])
    assert classifier.network[4] is not layer
    classifier.network[4] = layer
    del cam
    calls.clear()
    with pytest.raises(RuntimeError, match="out of memory"):
        explain([Task(shrunk[0], "a", 1)])
    assert len(calls) > 2
    assert classifier.network[4] is layer
    assert not any(module._forward_hooks for module in classifier.modules())


@pytest.mark.parametrize(
    ("layer", "spread"), [("features.denseblock4.denselayer16.conv2", True), ("features", False)]
)
def test_layers_inside_concatenations_get_a_batch_of_equal_images(cases, layer, spread):
    torch.manual_seed(0)
    classifier = Classifier(
        build("densenet121", 3), "densenet121", ("A", "B", "C"), "softmax", image_size=64
    ).eval()
    found = CamLayer(layer, classifier.network.get_submodule(layer), (2, 2), None)
    image = image_of(classifier, cases[0])
    assert ablation_cam.broadcasts(classifier, found, image) is not spread
    channels = torch.tensor([0, 5])
    many = ablation_cam.ablated(classifier, found, image.expand(2, -1, -1, -1), channels)
    assert many.shape == (2, 3)
    assert not torch.equal(many[0], many[1])


# ---- FullGrad ----


def test_parts_of_a_logit_add_up_to_it(classifier, cases):
    images = classifier.preprocess(np.stack([case.image for case in cases[:2]]))
    logits, parts = fullgrad.decompose(classifier, images, [1, 2])
    sums = sum(part.double().flatten(1).sum(1) for part in parts)
    np.testing.assert_allclose(sums, [logits[0, 1], logits[1, 2]], rtol=1e-4)


def test_gradients_belong_to_their_layer(shrunk):
    """The layers are defined in another order than used, so the package swaps their biases."""

    class Crossed(nn.Module):
        def __init__(self):
            super().__init__()
            self.late, self.early = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(3, 4, 3, 1, 1)
            self.head = nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.late(self.early(x).relu()).relu().mean((2, 3)))

    torch.manual_seed(0)
    network = Crossed()
    with torch.no_grad():
        network.late.bias.fill_(0.5)
        network.early.bias.fill_(0)
    classifier = wrapped(network)
    image = image_of(classifier, shrunk[0])
    logits, parts = fullgrad.decompose(classifier, image, [1])
    assert float(sum(part.sum() for part in parts)) == pytest.approx(float(logits[0, 1]), rel=1e-4)
    assert not parts[1].any()  # `early` has no bias
    assert parts[2].any()
    peer = FullGrad(classifier, [])
    peer(image, [ClassifierOutputTarget(1)])
    first = peer.activations_and_grads.gradients[0]
    # The package multiplies the first gradient of the pass (of `early`) by the bias of `late`.
    assert (peer.bias_data[0] == 0.5).all()
    assert torch.allclose(first, parts_gradient(classifier, image), atol=1e-7)


def parts_gradient(classifier, image):
    """Return the gradient at the output of `early`."""
    kept = []
    handle = classifier.network.early.register_forward_hook(
        lambda _m, _i, out: out.register_hook(kept.append) and None
    )
    classifier(image.clone().requires_grad_())[0, 1].backward()
    handle.remove()
    return kept[0]


def test_channels_of_no_weight_stay_without_weight():
    parts = [torch.zeros(1, 3, 8, 8), torch.zeros(1, 2, 8, 8)]
    parts[1][0, 0, 2, 2] = 1.0
    parts[1][0, 1, 6, 6] = 1e-5
    package = fullgrad.saliency(parts, 8, "channel")[0]
    paper = fullgrad.saliency(parts, 8, "layer")[0]
    assert package[6, 6] > 0.9 * package[2, 2]
    assert paper[6, 6] == pytest.approx(1e-5)
    assert paper[2, 2] == 1


@pytest.mark.parametrize("name", ["convnext_tiny", "efficientnet_b0", "vit_b_16"])
def test_networks_that_do_not_decompose_are_refused(name):
    torch.manual_seed(0)
    classifier = Classifier(
        build(name, 3, image_size=SIDE), name, ("A", "B", "C"), "softmax", image_size=SIDE
    ).eval()
    with torch.no_grad():
        for parameter in classifier.parameters():  # a ViT's head starts at 0
            parameter.add_(0.02 * torch.randn_like(parameter))
    with pytest.raises(InputError, match=r"fullgrad cannot explain .*ReLU networks"):
        fullgrad.make(Context(classifier, 2, 1, "fullgrad"), Fullgrad(scale="layer"))


def test_networks_without_biases_are_refused():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    with pytest.raises(InputError, match="no convolution or batch normalisation with a bias"):
        fullgrad.check(wrapped(network, tuple("ABCD")))


# ---- what is refused when the config is read ----


def _config(method, **classifier):
    return {
        "datasets": {"demo": {"source": "phantom", "annotated_classes": ["COVID-19"]}},
        "classifiers": {"net": {"architecture": "resnet18", **classifier}},
        "explainers": {"cam": {"method": method}},
    }


@pytest.mark.parametrize("method", [n for n, m in METHODS.items() if m.family == "cam"])
def test_no_cam_explains_torchscript(method):
    script = {
        "architecture": "torchscript",
        "weights": "net.pt",
        "trusted": True,
        "training": None,
    }
    settings.load(_config(method), check_files=False)
    with pytest.raises(InputError, match="TorchScript, whose layers cannot be hooked"):
        settings.load(_config(method, **script), check_files=False)


@pytest.mark.parametrize(
    ("architecture", "refused"),
    [
        ("vit_b_16", True),
        ("convnext_base", True),
        ("timm:swin_tiny_patch4_window7_224", True),
        ("timm:tf_efficientnet_lite0.in1k", True),
        ("densenet121", False),
        ("vgg16", False),
        ("timm:resnet18", False),
        ("plugin:vit", False),
    ],
)
def test_full_grad_names_what_it_cannot_explain(architecture, refused):
    config = _config("fullgrad", architecture=architecture)
    if not refused:
        settings.load(config, check_files=False)
        return
    for entry in (
        {"method": "fullgrad"},
        {"method": "random_weights", "of": {"method": "fullgrad"}},
    ):
        config["explainers"] = {"cam": entry}
        with pytest.raises(InputError, match=r"fullgrad cannot explain classifiers\.net"):
            settings.load(config, check_files=False)


def test_an_unknown_parameter_is_refused_with_a_near_name():
    config = _config("finercam")
    config["explainers"]["cam"]["comparison"] = 2
    with pytest.raises(InputError, match=r"cam\.comparison.*\n?.*comparisons"):
        settings.load(config, check_files=False)
