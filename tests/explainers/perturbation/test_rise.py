"""RISE is the paper's formula on the authors' masks, computed batch by batch."""

import numpy as np
import pytest
import torch
from skimage.transform import resize

from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Task
from fidelity.explainers.perturbation import rise, rise_masks
from fidelity.maps.saliency_map import normalise
from tests.helpers.entries import with_keys
from tests.helpers.perturbation_settings import METHODS

ENTRY = METHODS["rise"][1]
CPU = torch.device("cpu")


def explain(classifier, case, batch=8, **changes):
    context = Context(classifier, batch, 1, "rise")
    return rise.make(context, with_keys(ENTRY, **changes))([Task(case, "a", 1)])[0]


def reference_masks(masks):
    """Create the paper's masks as its authors do: scikit-image's resize, then a crop."""
    cells = masks.grids.shape[1]
    up = [(cells + 1) * -(-side // cells) for side in masks.size]
    made = []
    for grid, (y, x) in zip(masks.grids.numpy(), masks.shifts.tolist(), strict=True):
        large = resize(grid, up, order=1, mode="reflect", anti_aliasing=False)
        made.append(large[y : y + masks.size[0], x : x + masks.size[1]])
    return np.stack(made)


@pytest.mark.parametrize(
    ("size", "cells"), [((64, 64), 7), ((48, 60), 5), ((30, 30), 2), ((33, 31), 1), ((64, 64), 64)]
)
def test_masks_are_the_authors(size, cells):
    masks = rise_masks.draw(12, cells, 0.5, size, 3, CPU)
    made = masks.make(slice(0, 12)).numpy()
    assert made.shape == (12, *size)
    np.testing.assert_allclose(made, reference_masks(masks), atol=1e-6)


def test_shifts_and_cells_are_uniform_and_masks_show_the_share_asked_for():
    masks = rise_masks.draw(3000, 7, 0.3, (64, 64), 5, CPU)
    assert set(masks.shifts.unique().tolist()) == set(range(10))  # a cell has ceil(64 / 7) pixels
    assert masks.grids.mean().item() == pytest.approx(0.3, abs=0.005)
    shown = torch.stack([masks.make(slice(i, i + 100)).mean(0) for i in range(0, 3000, 100)])
    np.testing.assert_allclose(shown.mean(0), 0.3, atol=0.04)


@pytest.mark.parametrize("normalise", ["expectation", "coverage"])
@pytest.mark.parametrize("probability", [0.5, 0.2])
def test_the_map_is_the_paper_s_formula(classifier, cases, normalise, probability):
    """The reference uses all masks and images at once, as equation 6 is written."""
    case = cases[0]
    found = explain(classifier, case, probability=probability, normalise=normalise, fill=0)
    seed = Context(classifier, 8, 1, "rise").seed_of(Task(case, "a", 1))
    masks = reference_masks(rise_masks.draw(60, 7, probability, (64, 64), seed, CPU))
    with torch.inference_mode():
        seen = torch.from_numpy(masks * (case.image / 255)).float()
        outputs = classifier(classifier.normalise(seen)).softmax(1)[:, 1].double().numpy()
    total = np.einsum("n,nhw->hw", outputs, masks)
    expected = total / (probability * 60 if normalise == "expectation" else masks.sum(0))
    np.testing.assert_allclose(found.map.values, expected, rtol=1e-4, atol=1e-6)


def test_the_authors_code_hides_by_the_mean_of_the_normalisation(classifier, cases):
    """The authors multiply the normalised input, which hides by the mean (0.5 here), not black."""
    case = cases[0]
    seed = Context(classifier, 8, 1, "rise").seed_of(Task(case, "a", 1))
    masks = torch.from_numpy(reference_masks(rise_masks.draw(60, 7, 0.5, (64, 64), seed, CPU)))
    with torch.inference_mode():
        stack = masks[:, None].float() * classifier.preprocess(case.image[None])
        outputs = classifier(stack).softmax(1)
        sal = (outputs.T @ masks.float().reshape(60, -1)).view(3, 64, 64) / 60 / 0.5
    theirs = sal[1].numpy()
    np.testing.assert_allclose(explain(classifier, case, fill=0.5).map.values, theirs, rtol=1e-4)
    assert not np.allclose(explain(classifier, case, fill=0).map.values, theirs, rtol=1e-2)


class Constant(torch.nn.Module):
    """A classifier that returns the same logits for every image."""

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor([0.0, 1.0]))

    def forward(self, x):
        return self.logits.expand(len(x), 2)


def test_coverage_removes_the_noise_that_the_masks_alone_make(cases):
    """The classifier ignores the image, so its map should be flat, but the paper's is not."""
    blind = Classifier(Constant(), "c", ("A", "B"), "softmax", 3, (0.5,) * 3, (0.25,) * 3, 64)
    chance = 1 / (1 + np.exp(-1))
    of_paper = explain(blind, cases[0]).map.values
    covered = explain(blind, cases[0], normalise="coverage").map.values
    np.testing.assert_allclose(covered, chance, rtol=1e-5)
    assert not normalise(covered).any()  # no map of rounding errors
    assert of_paper.mean() == pytest.approx(chance, rel=0.1)
    assert of_paper.std() > 0.02


def test_a_pixel_that_no_mask_shows_is_zero_not_undefined(classifier, cases):
    found = explain(classifier, cases[0], samples=10, probability=1e-6, normalise="coverage")
    assert not found.map.values.any()


def test_masks_of_image_size_are_never_held_together(classifier, cases, monkeypatch):
    held = []
    make = rise_masks.Masks.make

    def watched(self, run):
        made = make(self, run)
        held.append(len(made))
        return made

    monkeypatch.setattr(rise_masks.Masks, "make", watched)
    explain(classifier, cases[0], batch=16)
    assert held == [16, 16, 16, 12]


def test_batch_size_changes_rounding_alone(classifier, cases):
    one, other = (explain(classifier, cases[0], batch=b).map.values for b in (8, 17))
    np.testing.assert_allclose(one, other, rtol=1e-4)
