"""Infidelity: zero for an exact map, one for an uninformative map; equal to captum's values."""

import numpy as np
import pytest
import torch
from captum.metrics import infidelity as captum_infidelity
from torch import nn

from fidelity.classifiers.model import Classifier
from fidelity.faithfulness.changed_images import answers_of
from fidelity.faithfulness.infidelity import Squares, infidelity, measure_infidelity, square_masks
from fidelity.faithfulness.removal import background

SIDE = 24
SQUARES = Squares(40, 0.25, "mean")
WEIGHTS = np.random.default_rng(5).normal(size=(SIDE, SIDE))


def linear(images, _target):
    """Act as a linear classifier."""
    return (images * WEIGHTS).sum(axis=(1, 2)) + 3


@pytest.fixture
def image():
    return np.random.default_rng(0).uniform(0, 1, (SIDE, SIDE)).astype(np.float32)


def measured(image, values, derivative, logits=linear, squares=SQUARES):
    return measure_infidelity(image, values, 0, logits, squares, derivative=derivative, seed=3)


def test_the_gradient_of_a_linear_classifier_is_exact_in_any_unit(image):
    whole = measured(image, np.zeros((SIDE, SIDE)), True)["infidelity"]
    for scale in (1, 1000, 1e-6):
        found = measured(image, WEIGHTS * scale, derivative=True)
        assert found["infidelity"] < 1e-9 * whole
        assert found["infidelity_relative"] < 1e-9


def test_contributions_are_exact_as_contributions_alone(image):
    contributions = WEIGHTS * (image - background(image, "mean"))
    assert measured(image, contributions, derivative=False)["infidelity_relative"] < 1e-9
    assert measured(image, contributions, derivative=True)["infidelity_relative"] > 0.1
    assert measured(image, WEIGHTS, derivative=False)["infidelity_relative"] > 0.1


def test_maps_that_say_nothing_or_the_opposite_explain_nothing(image):
    drops = linear(image[None], 0) - linear(
        np.where(square_masks(image.shape, SQUARES, 3), background(image, "mean"), image), 0
    )
    for values in (np.zeros((SIDE, SIDE)), -WEIGHTS):
        found = measured(image, values, derivative=True)
        assert found["infidelity"] == pytest.approx(np.mean(drops**2), rel=1e-4)
        assert found["infidelity_relative"] == 1


def test_a_classifier_that_never_changes_its_mind_is_undefined(image):
    found = measured(image, WEIGHTS, True, logits=lambda images, _: np.ones(len(images)))
    assert found["infidelity"] == 0
    assert np.isnan(found["infidelity_relative"])


def test_squares_reach_every_pixel_alike_and_repeat_by_seed():
    masks = square_masks((SIDE, SIDE), SQUARES, 1)
    assert masks.sum(axis=(1, 2)).max() == 36
    assert masks.any(axis=(1, 2)).all()
    np.testing.assert_array_equal(masks, square_masks((SIDE, SIDE), SQUARES, 1))
    assert not np.array_equal(masks, square_masks((SIDE, SIDE), SQUARES, 2))
    often = square_masks((SIDE, SIDE), Squares(20000, 0.25, "mean"), 1).mean(axis=0)
    expected = 36 / (SIDE + 5) ** 2
    assert abs(often / expected - 1).max() < 0.2


@pytest.mark.parametrize("derivative", [True, False])
def test_equals_captum(image, derivative):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Tanh(), nn.Flatten(), nn.LazyLinear(2))
    network(torch.zeros(1, 1, SIDE, SIDE))
    classifier = Classifier(network, "own", ("a", "b"), "softmax", 1, (0.0,), (1.0,), SIDE).eval()
    x = torch.from_numpy(image)[None, None].requires_grad_()
    gradient = torch.autograd.grad(classifier(x)[0, 1], x)[0]
    values = gradient if derivative else gradient * (x - x.mean()).detach()
    found = measured(
        image,
        values[0, 0].numpy(),
        derivative,
        logits=lambda images, _: answers_of(classifier, 16, "float32", "logit")(images, 1),
    )
    removed = square_masks(image.shape, SQUARES, 3)
    changed = np.where(removed, background(image, "mean"), image)
    by = image - changed if derivative else removed.astype(np.float32)

    def perturb(_inputs):
        return torch.from_numpy(by)[:, None], torch.from_numpy(changed)[:, None]

    expected = captum_infidelity(
        classifier, perturb, x.detach(), values, target=1, n_perturb_samples=40, normalize=True
    )
    assert found["infidelity"] == pytest.approx(float(expected), rel=1e-4)
    assert 0.001 < found["infidelity_relative"] < 0.999


def test_the_best_scale_is_not_negative():
    foretold, drops = np.array([1.0, 2.0, -1.0]), np.array([2.0, 4.0, -2.5])
    scale = foretold @ drops / (foretold @ foretold)
    assert infidelity(foretold, drops) == pytest.approx(np.mean((scale * foretold - drops) ** 2))
    assert infidelity(-foretold, drops) == pytest.approx(np.mean(drops**2))
