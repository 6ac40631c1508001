"""Known truth: CAMs of a network that is linear, or whose only ReLU is always active."""

import numpy as np
import pytest
import torch
from torch import nn

from fidelity.classifiers.architectures import build
from fidelity.classifiers.model import Classifier
from tests.helpers.gradient_cases import case_of, explain, images_of, noise_cases

SIDE, CELL, CHANNELS = 24, 4, 5
PLAIN = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "image_size": SIDE}
CASES = noise_cases(SIDE)


def pooled(*layers):
    """Build a convolution of cells, the given layers, the mean over the image and a linear head."""
    torch.manual_seed(0)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 3)]
    network = nn.Sequential(nn.Conv2d(3, CHANNELS, CELL, CELL, bias=False), *layers, *head)
    return Classifier(network, "plugin:own", ("A", "B", "C"), **PLAIN).eval()


@pytest.fixture(scope="module")
def linear():
    return pooled()


def grids(found):
    return np.stack([each.map.values for each in found])


def by_hand(classifier, weights):
    """Compute the weighted sum of the convolution's channels, per image."""
    activations = classifier.network[0](images_of(classifier, CASES))
    return torch.einsum("nk,nkhw->nhw", weights, activations).detach().numpy()


@pytest.mark.parametrize("method", ["gradcam", "hirescam", "xgradcam"])
def test_the_grid_is_each_cell_s_share_of_the_logit(linear, method):
    head = linear.network[-1]
    cells = (SIDE // CELL) ** 2
    expected = by_hand(linear, head.weight[1].expand(3, -1) / cells)
    found = explain(linear, CASES, method, layer="0")
    np.testing.assert_allclose(grids(found), expected, atol=1e-5)
    logits = linear(images_of(linear, CASES))[:, 1] - head.bias[1]
    np.testing.assert_allclose(grids(found).sum((1, 2)), logits.detach(), atol=1e-4)


def test_finer_cam_is_the_share_of_the_difference(linear):
    """With two classes, the map is exactly the share of the difference of the two logits."""
    torch.manual_seed(0)
    layers = [linear.network[0], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 2)]
    two = Classifier(nn.Sequential(*layers), "plugin:own", ("A", "B"), **PLAIN).eval()
    weight = two.network[-1].weight
    expected = by_hand(two, (weight[1] - weight[0]).expand(3, -1) / (SIDE // CELL) ** 2)
    found = grids(explain(two, CASES, "finercam", layer="0"))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            ours / np.abs(ours).max(), theirs / np.abs(theirs).max(), atol=1e-4
        )


def test_layer_cam_is_the_share_of_what_speaks_for_the_class(linear):
    weights = linear.network[-1].weight[1].clamp(min=0) / (SIDE // CELL) ** 2
    expected = by_hand(linear, weights.expand(3, -1))
    found = grids(explain(linear, CASES, "layercam", layer="0"))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_ablation_cam_weighs_channels_by_the_logit_they_carry(linear):
    activations = linear.network[0](images_of(linear, CASES))
    carried = linear.network[-1].weight[1] * activations.mean((2, 3))
    found = grids(explain(linear, CASES, "ablationcam", layer="0"))
    np.testing.assert_allclose(found, by_hand(linear, carried), atol=1e-5)


def test_guided_grad_cam_is_gradient_times_cam_where_every_relu_is_open():
    """Weights and inputs are above 0, so guided backprop stops no gradient."""
    classifier = pooled(nn.ReLU())
    with torch.no_grad():
        for layer in (classifier.network[0], classifier.network[-1]):
            layer.weight.abs_()
    x = images_of(classifier, CASES).requires_grad_()
    classifier(x)[:, 1].sum().backward()
    weights = classifier.network[-1].weight[1] / (SIDE // CELL) ** 2
    cam = torch.from_numpy(by_hand(classifier, weights.expand(3, -1)))
    enlarged = nn.functional.interpolate(cam[:, None], (SIDE, SIDE), mode="bilinear")[:, 0]
    found = grids(explain(classifier, CASES, "guided_gradcam", layer="1"))
    assert found.any()
    np.testing.assert_allclose(found, x.grad.sum(1) * enlarged, atol=1e-5)


@pytest.mark.parametrize("method", ["scorecam", "ablationcam", "gradcam", "eigengradcam"])
def test_a_planted_patch_ranks_first(method):
    """One channel responds to brightness and supports the class; the others respond to contrast."""
    classifier = pooled()
    with torch.no_grad():
        kernel = classifier.network[0].weight
        kernel -= kernel.mean((1, 2, 3), keepdim=True)
        kernel[0] = 1 / (3 * CELL**2)
        classifier.network[-1].weight.mul_(0.1)
        classifier.network[-1].weight[:, 0] = torch.tensor([0.0, 5.0, 0.0])
    cases, places = [], [(2, 3), (0, 5), (4, 1)]
    for case, (row, column) in zip(CASES, places, strict=True):
        image = case.image // 4
        image[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = 220
        cases.append(case_of(image, case.case))
    found = grids(explain(classifier, cases, method, layer="0"))
    assert [np.unravel_index(grid.argmax(), grid.shape) for grid in found] == places


@pytest.mark.parametrize("name", ["timm:convnext_atto", "convnext_tiny"])
def test_grad_cam_before_a_normalised_mean_sums_to_nothing(name):
    """A layer norm of the pooled channels removes their scale, so the cells' shares cancel.

    The logit is the same for any multiple of the channels' deviations from their mean. So its
    gradient is orthogonal to them, and the cells' shares sum to 0 (docs/explainers.md).
    """
    torch.manual_seed(0)
    network = build(name, 3, False, image_size=64)
    classifier = Classifier(network, name, ("A", "B", "C"), **{**PLAIN, "image_size": 64}).eval()
    for found in explain(classifier, noise_cases(64), "gradcam"):
        shares = found.map.values
        assert np.abs(shares).sum() > 0
        assert abs(shares.sum()) < 1e-3 * np.abs(shares).sum()
