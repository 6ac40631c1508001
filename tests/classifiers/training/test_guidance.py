"""Guidance by masks: what is penalised, whose mask is used, and that a network follows it."""

import numpy as np
import pytest
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.training.augment import augment, move_masks
from fidelity.classifiers.training.examples import Examples
from fidelity.classifiers.training.guidance import irrelevant_pixels, penalty
from fidelity.classifiers.training.prepared_data import read_examples
from fidelity.classifiers.training.train import train
from fidelity.datasets.prepared import write_prepared
from fidelity.settings.classifiers import Guidance
from tests.classifiers.conftest import SIDE
from tests.classifiers.training.test_train import COMPUTE
from tests.helpers.entries import training
from tests.helpers.explained_cohort import case_of, square

CLASSES = {"classes": ["A", "B"], "labels": {"A": "A", "B": "B"}, "task": "multiclass"}


def test_the_penalty_is_that_of_ross_et_al():
    # Logits w·x of two pixels: d/dx of log p_0 + log p_1 is w_0 + w_1 − 2 (p_0 w_0 + p_1 w_1).
    weights = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    images = torch.tensor([[[0.3, 0.8]], [[0.6, 0.1]]], requires_grad=True)
    logits = images.reshape(2, 2) @ weights.T
    share = logits.softmax(1).detach()
    gradients = weights.sum(0) - 2 * share @ weights
    irrelevant = torch.tensor([[[0.0, 1.0]], [[1.0, 1.0]]])
    by_hand = (gradients[0, 1] ** 2 + (gradients[1] ** 2).sum()) / 2
    found = penalty(logits, "softmax", images, irrelevant, "squared")
    assert found.item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert found.requires_grad
    # One logit z, written as (−z, z), equals a softmax over 0 and z.
    images = torch.rand(2, 1, 2, requires_grad=True)
    z = images.reshape(2, 2) @ weights[:1].T
    one = penalty(torch.cat([-z, z], 1), "one_logit", images, irrelevant, "squared")
    two = penalty(torch.cat([0 * z, z], 1), "softmax", images, irrelevant, "squared")
    assert one.item() == pytest.approx(two.item(), rel=1e-5)


def shards(tmp_path, masks, labels=None):
    """Write training shards of cases with these reference masks; None means no reference."""
    cases = []
    for number, mask in enumerate(masks):
        references = {} if mask is None else {"A": mask}
        case = case_of(f"c{number}", references)
        label = labels[number] if labels else ("A" if mask is not None else "B")
        cases.append(type(case)(**{**vars(case), "split": "train", "labels": (label,)}))
    paths = [tmp_path / "one.h5", tmp_path / "two.h5"]
    attrs = {"image_size": len(cases[0].image), "classes": ["A", "B"]}
    # The second shard holds the first cases: examples are ordered by case id.
    for path, part in zip(paths, (cases[3:], cases[:3]), strict=True):
        write_prepared(path, part, attrs)
    return paths, cases


def test_masks_are_ones_own_or_those_of_others(tmp_path):
    masks = [square(4, 4, 8, 8), None, square(10, 2, 14, 9), square(1, 1, 3, 3), square(0, 0, 0, 0)]
    paths, cases = shards(tmp_path, masks, ["A", "B", "A", "A", "A"])
    own = irrelevant_pixels(paths, "reference", 1)
    order = read_examples(paths, CLASSES, ["A", "B"], len(cases[0].image))
    assert own.shape == order.images.shape
    assert not own[1].any()  # without a mask, no pixel is known to be irrelevant
    assert not own[4].any()  # the same holds for an empty mask
    sizes = (~own).sum((1, 2))
    assert sizes[3] < sizes[0] < sizes[2]
    others = irrelevant_pixels(paths, "other_cases", 1)
    guided = [0, 2, 3]
    assert not (others[guided] == own[guided]).all((1, 2)).any()
    assert sorted((~others[guided]).sum((1, 2))) == sorted(sizes[guided])
    assert np.array_equal(others[[1, 4]], own[[1, 4]])
    outside = irrelevant_pixels(paths, "outside", 1)
    assert np.array_equal(outside[guided], ~own[guided])
    assert not outside[[1, 4]].any()
    paths, _ = shards(tmp_path, [square(4, 4, 8, 8), None, None, None])
    with pytest.raises(InputError, match="too few training images"):
        irrelevant_pixels(paths, "other_cases", 1)
    irrelevant_pixels(paths, "reference", 1)


def two_reasons(count: int, seed: int) -> tuple[Examples, np.ndarray]:
    """Draw squares on the left or right, repeated in the upper and the lower half."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 40, (count, SIDE, SIDE)).astype(np.uint8)
    labels = np.eye(2, dtype=np.uint8)[np.arange(count) % 2]
    for index in range(count):
        for top in (3, 19):
            left = 16 * (index % 2) + 3
            images[index, top : top + 10, left : left + 10] += 180
    lower = np.zeros(images.shape, bool)
    lower[:, SIDE // 2 :] = True
    return Examples(images, labels, None, lower), lower


@pytest.mark.parametrize("loss", ["squared", "share"])
def test_a_guided_network_looks_where_it_is_told(loss):
    examples, lower = two_reasons(48, 0)
    held_out, _ = two_reasons(24, 1)
    shares = []
    for given in (Examples(examples.images, examples.labels), examples):
        torch.manual_seed(0)
        linear = nn.Linear(SIDE * SIDE, 2)
        classifier = Classifier(
            nn.Sequential(nn.Flatten(), linear), "own", ("left", "right"), "softmax",
            channels=1, mean=(0.0,), std=(1.0,), image_size=SIDE,
        )  # fmt: skip
        settings = training(epochs=20, batch=8, guidance=Guidance(weight=1, loss=loss))
        table = train(classifier, given, held_out, settings, 1, COMPUTE)
        assert table["val_accuracy"].max() >= 0.9
        used = (linear.weight[0] - linear.weight[1]).abs().reshape(SIDE, SIDE).detach().numpy()
        shares.append(used[lower[0]].sum() / used.sum())
    plain, guided = shares
    assert plain == pytest.approx(0.5, abs=0.1)
    assert guided < 0.5 * plain


def test_masks_move_with_their_images():
    rng = np.random.default_rng(0)
    marked = np.zeros((6, SIDE, SIDE), bool)
    for one in marked:
        top, left = rng.integers(8, 14, 2)
        one[top : top + 9, left : left + 12] = True
    vary = {"flip": 0.5, "rotation": 10, "translation": 0.1, "scale": 0.1, "contrast": 0.3}
    random = training(augmentation=vary).augmentation
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    moved = move_masks(torch.from_numpy(marked), random, before).bool()
    assert torch.equal(generator.get_state(), before)
    images = augment(torch.from_numpy(marked).float(), random, generator)
    shown = images > images.amax((1, 2), keepdim=True) / 2
    assert (moved == shown).float().mean() > 0.99
    assert not torch.equal(moved, torch.from_numpy(marked))
