"""A layer is used for CAMs only if each cell responds to its own place of its own image."""

import numpy as np
import pytest
import timm
import torch
from timm.models.mlp_mixer import MlpMixer
from timm.models.nest import Nest
from timm.models.swin_transformer_v2 import SwinTransformerV2
from timm.models.tnt import TNT
from timm.models.vision_transformer import VisionTransformer
from timm.models.volo import VOLO
from torch import nn
from torchvision.models import swin_transformer as tv_swin
from torchvision.models.googlenet import Inception

from fidelity.base.errors import InputError
from fidelity.classifiers.cam_layers.choose import find_cam_layer
from fidelity.classifiers.cam_layers.probe import Layout, layouts
from fidelity.classifiers.model import Classifier
from tests.helpers.gradient_cases import explain, images_of, noise_cases

SIDE, TARGET = 32, 1


def swin_v2():
    return tv_swin.SwinTransformer(
        [4, 4],
        16,
        [1, 2],
        [2, 2],
        [4, 4],
        num_classes=3,
        block=tv_swin.SwinTransformerBlockV2,
        downsample_layer=tv_swin.PatchMergingV2,
    )


def inception():
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 3)]
    stem = nn.Conv2d(3, 16, 8, 4, 2)
    return nn.Sequential(stem, nn.ReLU(), Inception(16, 4, 4, 8, 4, 8, 4), *head)


SMALL = {"img_size": SIDE, "num_classes": 3}
# Network, layer, and how the test turns the layer's output into a grid (t: token, c: channel).
NETWORKS = {
    "nest": (
        lambda: Nest(
            patch_size=4,
            num_levels=2,
            embed_dims=(16, 32),
            num_heads=(2, 2),
            depths=(1, 2),
            **SMALL,
        ),
        "norm",
        "nhwc->nchw",
    ),
    "volo": (
        lambda: VOLO([1, 1], embed_dims=[16, 32], num_heads=[2, 2], stem_hidden_dim=8, **SMALL),
        "norm",
        "ntc->nct",
    ),
    "mixer": (
        lambda: MlpMixer(patch_size=8, num_blocks=2, embed_dim=32, **SMALL),
        "norm",
        "ntc->nct",
    ),
    "vit with registers": (
        lambda: VisionTransformer(
            patch_size=8, embed_dim=32, depth=2, num_heads=2, reg_tokens=4, **SMALL
        ),
        "blocks.1.norm1",
        "ntc->nct",
    ),
    "timm swin v2": (
        lambda: SwinTransformerV2(
            window_size=4, embed_dim=16, depths=(1, 2), num_heads=(2, 2), **SMALL
        ),
        "norm",
        "nhwc->nchw",
    ),
    "torchvision swin v2": (swin_v2, "permute", "nchw->nchw"),
    "inception": (inception, "2", "nchw->nchw"),
}


def classifier_of(make):
    torch.manual_seed(0)
    network = make()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1 and not parameter.any():  # the weights of this head start at zero
                parameter.normal_()
    return Classifier(network, "plugin:own", ("A", "B", "C"), image_size=SIDE).eval()


def by_hand(classifier, layer, axes, image):
    """Compute Grad-CAM of one image before its ReLU, in the layer's own layout."""
    kept = []

    def note(_module, _inputs, output):
        output.retain_grad()
        kept.append(output)

    handle = classifier.network.get_submodule(layer).register_forward_hook(note)
    classifier(image)[0, TARGET].backward()
    handle.remove()
    output, gradient = (torch.einsum(axes, x) for x in (kept[-1].detach(), kept[-1].grad))
    if output.ndim == 3:
        side = int(output.shape[2] ** 0.5)
        first = output.shape[2] - side**2
        output, gradient = (x[:, :, first:].unflatten(2, (side, side)) for x in (output, gradient))
    weights = gradient.mean((2, 3), keepdim=True)
    return (weights * output).sum(1)[0].numpy()


@pytest.mark.parametrize("name", NETWORKS)
def test_auto_gives_grad_cam_as_by_hand_for_each_image_of_a_batch(name):
    make, layer, axes = NETWORKS[name]
    classifier, cases = classifier_of(make), noise_cases(SIDE)
    assert find_cam_layer(classifier).name == layer
    found = np.stack([each.map.values for each in explain(classifier, cases, "gradcam")])
    images = images_of(classifier, cases)
    expected = np.stack([by_hand(classifier, layer, axes, image[None]) for image in images])
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5)
    alone = [explain(classifier, [case], "gradcam")[0].map.values for case in cases]
    np.testing.assert_allclose(found / scale, np.stack(alone) / scale, atol=1e-5)


def test_a_network_whose_patches_reach_no_logit_is_refused_with_another_method():
    """In TNT, inner patches lie on the batch axis, and outer patches end at the class token."""
    tnt = classifier_of(
        lambda: TNT(
            patch_size=8,
            embed_dim=32,
            inner_dim=8,
            depth=2,
            num_heads_inner=2,
            num_heads_outer=2,
            **SMALL,
        )
    )
    with pytest.raises(InputError, match="lime"):
        find_cam_layer(tnt)
    with pytest.raises(InputError, match="returns neither a feature map"):
        find_cam_layer(tnt, "pixel_embed")


class Disorder(nn.Module):
    """Rearranges the output of a convolution, or undoes that for the rest of the network."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        return self.change(x)


def in_windows(x):
    """Return the tokens of 8 × 8 cells, ordered by windows of 4 × 4."""
    n, c = x.shape[:2]
    parts = x.unflatten(2, (2, -1)).unflatten(4, (2, -1))
    return parts.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, c)


DISORDERS = {
    "order of the cells": (lambda x: x.flatten(2).mT, True),
    "windows": (in_windows, False),
    "rows for columns": (lambda x: x.mT, False),
    "mirrored": (lambda x: x.flip(3), False),
    "another image": (lambda x: x.roll(1, 0), False),
    "channels as tokens": (lambda x: x.flatten(2), False),
    "a mean over the batch": (lambda x: x + x.mean(0, keepdim=True), False),
}


@pytest.mark.parametrize("name", DISORDERS)
def test_only_a_layer_whose_cells_are_in_place_is_used(name):
    change, passes = DISORDERS[name]

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 16, 4, 4)
            self.second = nn.Conv2d(16, 16, 3, 1, 1)
            self.order = Disorder(change)
            self.head = nn.Linear(16, 3)

        def forward(self, x):
            x = self.order(self.second(self.first(x).relu()))
            return self.head(x.flatten(1).unflatten(1, (16, -1)).mean(2))

    classifier = classifier_of(Network)
    if passes:
        assert find_cam_layer(classifier, "order").size == (8, 8)
        return
    with pytest.raises(InputError, match=r"do not correspond .* second"):
        find_cam_layer(classifier, "order")


def test_layouts_need_the_axis_of_the_images_and_a_square_of_tokens():
    assert layouts(torch.Size((3 * 16, 16, 24)), 3) == []
    assert layouts(torch.Size((3, 197, 8)), 3) == [Layout("tokens", 1)]
    assert layouts(torch.Size((3, 201, 8)), 3, prefix=5) == [Layout("tokens", 5)]
    assert layouts(torch.Size((3, 10)), 3) == []


def test_a_convolutional_network_on_small_images_is_probed_on_larger_ones():
    """The last layer has 2 × 2 cells at 64 px, and strides shift them by a quarter of a cell."""
    torch.manual_seed(0)
    network = timm.create_model("mobilenetv1_100", num_classes=2)
    classifier = Classifier(network, "timm:mobilenetv1_100", ("a", "b"), image_size=64).eval()
    found = find_cam_layer(classifier)
    assert (found.name, found.size, found.reshape) == ("bn2", (2, 2), None)


def test_the_layer_does_not_depend_on_what_was_learnt():
    """The search keeps the weights and torch's generator unchanged, and finds the same layer."""
    make, layer, _ = NETWORKS["mixer"]
    classifier = classifier_of(make)
    before = [p.clone() for p in classifier.parameters()]
    state = torch.get_rng_state()
    assert find_cam_layer(classifier).name == layer
    assert all(map(torch.equal, before, classifier.parameters()))
    assert torch.equal(state, torch.get_rng_state())
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.mul_(30)
    assert find_cam_layer(classifier).name == layer
