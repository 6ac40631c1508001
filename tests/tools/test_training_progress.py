"""The progress of a training, read from its log."""

import os

import numpy as np
import pytest
import torch

from fidelity.base.job_log import job_log
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.training.examples import Examples
from fidelity.classifiers.training.train import train
from fidelity.tools.training_progress import seconds_of_epochs, training_line
from tests.helpers.entries import training

NOW = 1_000_000.0
ONE_STAGE = training(epochs=12, patience=12)
LOGGED = "09:00:0{} INFO epoch {}: loss 0.5, accuracy 0.8; validation loss 0.5, accuracy 0.8; {} s"


def _log(stages):
    """Return the log of a training with the seconds of its epochs, stage by stage."""
    lines, epoch = ["09:00:00 INFO 400 training and 30 validation images"], 0
    for number, stage in enumerate(stages, start=1):
        lines.append(f"09:00:00 INFO stage {number}: 11178051 parameters are trained")
        for seconds in stage:
            epoch += 1
            lines.append(LOGGED.format(epoch % 10, epoch, seconds))
    return "\n".join(lines)


@pytest.fixture
def said(tmp_path):
    """Write a training's log that is `age` seconds old, and return the line of its progress."""

    def say(stages=None, settings=ONE_STAGE, age=1.0, end=""):
        if stages is not None:
            log = tmp_path / "results/logs/d/net/train.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(_log(stages) + end)
            os.utime(log, (NOW - age, NOW - age))
        line = training_line("net", settings, "d", tmp_path, NOW)
        assert line.startswith("training net, d: ")
        return line.removeprefix("training net, d: ")

    return say


def test_a_training_under_way(said):
    assert said() == "0 of 12 epochs"
    assert said([[]]) == "epoch 1 of 12 is under way"
    assert said([[13.0, 15.0, 14.0]]) == "3 of 12 epochs, 14 s per epoch, 2 min 6 s left"
    assert said([[14.0] * 12]) == "12 epochs are done, the model is not written yet"


def test_what_an_early_stop_may_save_and_has_saved(said):
    stages = [{"epochs": 5, "trainable": "head"}, {"patience": 10}]
    settings = training(epochs=10, patience=3, stages=stages)
    assert said([[2.0]], settings) == (
        "1 of 15 epochs, 2.00 s per epoch, 28 s left, or less if it stops early"
    )
    # The head's stage ended after four of five epochs. The second stage cannot stop early.
    assert said([[2.0] * 4, []], settings) == "4 of 14 epochs, 2.00 s per epoch, 20 s left"
    assert said([[2.0] * 4, [9.0]], settings) == "5 of 14 epochs, 9.00 s per epoch, 1 min 21 s left"


@pytest.mark.parametrize(
    "ended",
    [{"end": "\n09:00:09 ERROR stopped by SIGTERM; run again to continue"}, {"age": 86400.0}],
)
def test_a_training_that_was_stopped(said, ended):
    resumes = "stopped in epoch 4 of 12; the next run will resume after epoch 3"
    assert said([[14.0] * 3], **ended) == resumes
    assert said([[]], **ended) == "stopped in epoch 1 of 12; the next run will start over"


def test_long_epochs_are_not_taken_for_a_stop(said):
    assert said([[3600.0]], age=7200.0).startswith("1 of 12 epochs, 3600 s per epoch")


def test_a_trained_classifier(said, tmp_path):
    model = tmp_path / "results/d/net/model.safetensors"
    model.parent.mkdir(parents=True)
    model.touch()
    assert said() == "done"
    benchmark = tmp_path / "results/benchmarks/d/net/train.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\th:m:s\n185.2\t0:03:05\n")
    assert said() == "done in 3 min 5 s"


def test_the_log_that_training_writes_is_understood(tmp_path):
    """One module writes the line of an epoch, and another reads it."""
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 2))
    classifier = Classifier(network, "linear", ("A", "B"), "softmax", image_size=8)
    images = np.random.default_rng(0).integers(0, 255, (8, 8, 8), np.uint8)
    examples = Examples(images, np.eye(2, dtype=np.uint8)[[0, 1] * 4])
    compute = {"threads": 1, "device": "cpu", "dtype": "auto"}
    settings = training(batch=4, stages=[{"epochs": 2}, {"epochs": 1}])
    log = tmp_path / "train.log"
    with job_log(log):
        train(classifier, examples, examples, settings, 1, compute)
    assert [len(stage) for stage in seconds_of_epochs(log.read_text())] == [2, 1]
