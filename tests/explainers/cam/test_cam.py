"""Grad-CAM equals that of pytorch-grad-cam, but is stored before ReLU and resizing."""

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from fidelity.base.errors import InputError
from fidelity.classifiers.architectures import build, normalisation
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Task
from fidelity.explainers.cam import cam
from fidelity.maps.saliency_map import normalise, raw_map, render
from fidelity.settings.explainers import Gradcam


def _explain(classifier, cases, target=1, batch=8, layer="auto"):
    explain = cam.make(Context(classifier, batch, 1, "gradcam"), Gradcam(layer=layer))
    return explain([Task(case, "a", target) for case in cases])


@pytest.mark.parametrize("layer", ["layer3", "layer4", "layer2.1.conv2"])
def test_what_is_scored_is_the_package_s_map(classifier, cases, layer):
    images = classifier.preprocess(np.stack([case.image for case in cases]))
    module = classifier.network.get_submodule(layer)
    peer = GradCAM(classifier, [module])(images, [ClassifierOutputTarget(1)] * len(cases))
    for explanation, expected in zip(_explain(classifier, cases, layer=layer), peer, strict=True):
        size = images.shape[-2:]
        ours = render(explanation.map, (0, 0, *size), size)
        np.testing.assert_allclose(ours, expected, atol=2e-5)
        # The grid has negative cells next to positive ones, so ReLU after resizing gives another
        # map.
        assert explanation.map.values.min() < 0
        assert np.abs(normalise(raw_map(explanation.map, size)) - expected).max() > 1e-3


def test_the_grid_has_the_layer_s_resolution_and_both_signs(classifier, cases):
    grids = [e.map.values for e in _explain(classifier, cases, layer="layer2")]
    assert grids[0].shape == (8, 8)
    assert min(g.min() for g in grids) < 0 < max(g.max() for g in grids)


def test_neither_batch_nor_neighbours_change_a_map(classifier, cases):
    together = _explain(classifier, cases)
    alone = _explain(classifier, cases[2:3])
    np.testing.assert_array_equal(together[2].map.values, alone[0].map.values)


def test_auto_names_the_layer_it_chose(classifier, cases):
    assert _explain(classifier, cases[:1])[0].extras["layer"].startswith("layer4")


def test_unknown_layer_is_named_with_the_nearest(classifier, cases):
    with pytest.raises(InputError, match=r"layer9.*layer4"):
        _explain(classifier, cases, layer="layer9")


def test_no_hooks_are_left(classifier, cases):
    import gc

    _explain(classifier, cases[:1])
    gc.collect()
    assert not any(m._forward_hooks for m in classifier.modules())


@pytest.mark.parametrize(
    ("architecture", "layer", "reshape"),
    [
        ("vgg11", "features", None),
        ("resnet18", "layer4", None),
        ("densenet121", "features", None),
        ("efficientnet_b0", "features", None),
        ("convnext_tiny", "features", None),
        ("swin_t", "features.7.1.norm1", lambda x: x.permute(0, 3, 1, 2)),
        (
            "timm:swin_tiny_patch4_window7_224",
            "layers.3.blocks.1.norm1",
            lambda x: x.permute(0, 3, 1, 2),
        ),
        (
            "timm:vit_tiny_patch16_224",
            "blocks.11.norm1",
            lambda x: x[:, 1:].reshape(len(x), 4, 4, -1).permute(0, 3, 1, 2),
        ),
        ("xrv:densenet121", "features", None),
    ],
)
def test_auto_is_the_package_s_cam_for_every_family(cases, architecture, layer, reshape):
    """The reference uses the package directly, on a network whose hook clones its output.

    Then no later layer overwrites the map.
    """
    torch.manual_seed(0)
    mean, std = normalisation(architecture, False)
    classifier = Classifier(
        build(architecture, 3, image_size=64),
        architecture,
        ("A", "B", "C"),
        "softmax",
        len(mean),
        mean,
        std,
        64,
    ).eval()
    # The package hooks the clone; later layers read it without changing it.
    images = classifier.preprocess(np.stack([case.image for case in cases[:2]]))
    module = classifier.network.get_submodule(layer)
    handle = module.register_forward_hook(lambda _m, _i, out: out.clone())
    peer = GradCAM(classifier, [module], reshape_transform=reshape)(
        images, [ClassifierOutputTarget(1)] * 2
    )
    handle.remove()
    for explanation, expected in zip(_explain(classifier, cases[:2], batch=2), peer, strict=True):
        assert explanation.extras["layer"] == layer
        grid = np.maximum(explanation.map.values, 0)[None]
        ours = scale_cam_image(scale_cam_image(grid, (64, 64)))[0]
        np.testing.assert_allclose(ours, expected, atol=1e-4)
