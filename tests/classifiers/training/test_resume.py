"""A training that is killed and rerun ends with the weights of an undisturbed training."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from fidelity.base.training_state import EpochStore
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.training.train import train
from tests.classifiers.conftest import CLASSES, SIDE
from tests.helpers.entries import training

COMPUTE = {"threads": 1, "device": "cpu", "dtype": "auto"}
SHARED = {"batch": 8, "augmentation": {"rotation": 5, "brightness": 0.1}, "learning_rate": 0.01}
STAGES = [
    {"epochs": 2, "trainable": "head", "scheduler": "plateau", "optimizer": "adam"},
    {"epochs": 4, "scheduler": "onecycle", "patience": 2},
    {"epochs": 2, "scheduler": "cosine", "optimizer": "sgd", "trainable": 0.9},
]
EPOCHS = 8


def fresh() -> Classifier:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, len(CLASSES)),
    )
    return Classifier(network, "own", CLASSES, "softmax", image_size=SIDE)


class Killed(BaseException):
    """An exception that no training code catches."""


class Killing(EpochStore):
    """A store whose job dies after some epochs, or while it writes the last of them."""

    def __init__(self, *given, after, whole=True):
        super().__init__(*given)
        self.left, self.whole = after, whole

    def save(self, state):
        self.left -= 1
        if self.whole or self.left > 0:
            super().save(state)
        if self.left == 0:
            raise Killed


def run(examples, held_out, store, seed=7, settings=SHARED, stages=STAGES):
    classifier = fresh()
    settings = training(**settings, stages=stages)
    table = train(classifier, examples, held_out, settings, seed, COMPUTE, store)
    return classifier.state_dict(), table


def equal(one, other):
    return all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope="module")
def undisturbed(examples, held_out):
    return run(examples, held_out, None)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("after", range(1, EPOCHS))
def test_a_killed_training_ends_in_the_same_weights(
    examples, held_out, undisturbed, tmp_path, caplog, after, whole
):
    weights, table = undisturbed
    model = tmp_path / "model.safetensors"
    caplog.set_level(logging.INFO)
    with pytest.raises(Killed):
        run(examples, held_out, Killing(model, "code", after=after, whole=whole))
    torch.rand(5)  # another process has drawn other random numbers
    caplog.clear()
    store = EpochStore(model, "code")
    again, rows = run(examples, held_out, store)
    assert equal(weights, again)
    assert table.equals(rows)
    done = after if whole else after - 1
    assert ("resumes" in caplog.text) == (done > 0)
    # Progress is counted from the epochs in the log, so a resumed job logs them all.
    logged = [r.getMessage() for r in caplog.records if r.getMessage().startswith("epoch ")]
    assert len(logged) == len(table)
    store.clear()
    assert not list(tmp_path.rglob("*.pt"))


def test_a_run_that_was_killed_twice(examples, held_out, undisturbed, tmp_path):
    model = tmp_path / "model.safetensors"
    for after in (3, 2):
        with pytest.raises(Killed):
            run(examples, held_out, Killing(model, "code", after=after))
    again, rows = run(examples, held_out, EpochStore(model, "code"))
    assert equal(undisturbed[0], again)
    assert undisturbed[1].equals(rows)


@pytest.mark.parametrize("change", ["code", "seed", "settings", "data"])
def test_another_training_does_not_resume(examples, held_out, tmp_path, change):
    model = tmp_path / "model.safetensors"
    with pytest.raises(Killed):
        run(examples, held_out, Killing(model, "code", after=3))
    store = EpochStore(model, "new code" if change == "code" else "code")
    settings = SHARED | ({"learning_rate": 0.002} if change == "settings" else {})
    seed = 8 if change == "seed" else 7
    if change == "data":
        examples = type(examples)(examples.images[::-1], examples.labels[::-1])
    expected, _ = run(examples, held_out, None, seed, settings)
    found, _ = run(examples, held_out, store, seed, settings)
    assert equal(expected, found)


def test_a_try_of_other_settings_costs_no_epoch(examples, held_out, undisturbed, tmp_path, caplog):
    model = tmp_path / "model.safetensors"
    for seed, after in ((9, 1), (7, 5), (8, 1)):  # the oldest state is dropped
        with pytest.raises(Killed):
            run(examples, held_out, Killing(model, "code", after=after), seed=seed)
    assert len(list(tmp_path.rglob("*.pt"))) == 2
    caplog.set_level(logging.INFO)
    again, _ = run(examples, held_out, EpochStore(model, "code"))
    assert "resumes after epoch 5" in caplog.text
    assert equal(undisturbed[0], again)


def test_a_damaged_state_is_not_used(examples, held_out, undisturbed, tmp_path, caplog):
    model = tmp_path / "model.safetensors"
    with pytest.raises(Killed):
        run(examples, held_out, Killing(model, "code", after=3))
    (state,) = tmp_path.rglob("*.pt")
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    again, _ = run(examples, held_out, EpochStore(model, "code"))
    assert equal(undisturbed[0], again)
    assert str(state) in caplog.text


def test_without_validation_the_last_epoch_is_kept(examples, tmp_path):
    model = tmp_path / "model.safetensors"
    expected, table = run(examples, None, None, stages=[{"epochs": 3}])
    with pytest.raises(Killed):
        run(examples, None, Killing(model, after=2), stages=[{"epochs": 3}])
    found, rows = run(examples, None, EpochStore(model), stages=[{"epochs": 3}])
    assert equal(expected, found)
    assert table.equals(rows)
    assert list(rows["best"]) == [0, 0, 1]
    assert np.isnan(rows["val_loss"]).all()
