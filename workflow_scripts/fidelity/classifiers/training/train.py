"""Train a classifier: one loop over stages and epochs; keeps the best epoch and is fully seeded."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch

from fidelity.analysis.columns.classifiers import TRAINING
from fidelity.base.compute import configure
from fidelity.base.errors import InputError
from fidelity.base.seeding import seed_for
from fidelity.base.training_state import EpochStore
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.training.epochs import Learner, Result, evaluate
from fidelity.classifiers.training.examples import Examples
from fidelity.classifiers.training.objective import Objective
from fidelity.classifiers.training.stages import freeze, stages_of
from fidelity.settings.classifiers import Training

log = logging.getLogger(__name__)


@dataclass
class _Course:
    """The epochs of a training so far, and the best one.

    Attributes:
        rows: rows of the table, one per epoch.
        stage: the current stage, from 1; 0 before the first.
        waited: epochs of this stage since its validation loss was lowest.
        best: weights of the best epoch.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    stage: int = 0
    waited: int = 0
    best_loss: float = math.inf
    best_epoch: int | None = None
    best: dict[str, torch.Tensor] | None = None

    @classmethod
    def saved(cls, state: Mapping[str, Any]) -> "_Course":
        """Restore the state of `state`, with the weights of the last epoch (`network`)."""
        found = cls(**{key: state[key] for key in cls.__dataclass_fields__})
        if found.best_epoch == len(found.rows):
            found.best = state["network"]
        return found

    def state(self) -> dict[str, Any]:
        """Return the state that `saved` reads."""
        # If the last epoch is the best, its weights are already stored as `network`.
        best = None if self.best_epoch == len(self.rows) else self.best
        return {**vars(self), "best": best}

    def begin(self, stage: int, classifier: Classifier) -> None:
        """Begin a stage from the best weights so far."""
        self.stage, self.waited = stage, 0
        if self.best is not None:
            classifier.load_state_dict(self.best)

    def row(self, fitted: Result, checked: Result, rate: float, seconds: float) -> dict[str, Any]:
        """Return the table row of the next epoch."""
        return {
            "epoch": len(self.rows) + 1,
            "stage": self.stage,
            "learning_rate": rate,
            "train_loss": fitted.loss,
            "train_accuracy": fitted.accuracy,
            "val_loss": checked.loss,
            "val_accuracy": checked.accuracy,
            "best": 0,
            "seconds": seconds,
        }

    def add(self, row: dict[str, Any], classifier: Classifier, checked: bool) -> None:
        """Add an epoch; it is the best if its validation loss is lowest, or if none is measured."""
        self.rows.append(row)
        if checked and not row["val_loss"] < self.best_loss:
            self.waited += 1
            return
        self.best_loss, self.best_epoch, self.waited = row["val_loss"], row["epoch"], 0
        weights = classifier.state_dict()
        self.best = {key: value.detach().clone() for key, value in weights.items()}


def train(
    classifier: Classifier,
    training: Examples,
    validation: Examples | None,
    settings: Training,
    seed: int,
    compute: Mapping[str, Any],
    store: EpochStore | None = None,
) -> pd.DataFrame:
    """Train a classifier.

    Args:
        classifier: changed in place. At the end, it is on the CPU, in eval mode, with the state of
            the best epoch.
        training: at least one example. If it states which pixels are irrelevant, the training loss
            also includes `guidance.penalty` times `guidance.weight`; the table shows the loss
            without it.
        validation: decides the best epoch (lowest loss) and early stopping. If it is None or empty,
            the last epoch is kept, with a warning.
        settings: the `training` section of a classifier's config. A stage overrides any of its keys
            (the augmentation key by key) and states what is trainable. Validation always uses the
            class weights of the section itself, so that epochs of all stages are comparable.
        seed: seed of shuffling, augmentation and dropout. With equal seed, threads and machine
            type, the result is equal to the bit.
        store: stores the state after every epoch. A stopped training resumes from there and gives
            the same weights. The caller clears the store after writing the weights.

    Returns:
        One row per epoch: epoch and stage (from 1); learning_rate (of its last step); train_loss,
        train_accuracy (on augmented images, during training); val_loss, val_accuracy (NaN without
        validation); best (1 for the kept epoch, else 0).

    Raises:
        InputError: no training case, or a loss that is no longer finite.
    """
    if not training:
        raise InputError(
            "there is no training case", field="train", remedy="Check the data set's train split"
        )
    device = configure(dict(compute))
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed_for(seed, "shuffle and augmentation"))
    classifier.to(device, memory_format=torch.channels_last)
    dtype = str(compute.get("dtype", "auto"))
    if not validation:
        log.warning(
            "there is no validation case, so training does not stop early and the"
            " weights of the last epoch are kept"
        )
        validation = None
    objective = Objective.weighed(classifier, settings.class_weights, training)
    store = store or EpochStore()
    arrays = [*training.arrays(), *(validation.arrays() if validation else ())]
    weights = classifier.state_dict()
    saved = store.load(settings.model_dump(), seed, dict(compute), weights, *arrays)
    course = _Course() if saved is None else _Course.saved(saved)
    for number, (trainable, stage) in enumerate(stages_of(settings), start=1):
        resumes = number == course.stage
        if number > course.stage:
            course.begin(number, classifier)
        count = freeze(classifier.network, trainable)
        log.info("stage %d: %d parameters are trained", number, count)
        done = [row for row in course.rows if row["stage"] == number]
        for row in done:
            _log_epoch(row)
        if number < course.stage:
            continue
        learner = Learner(classifier, training, stage, dtype, generator)
        if resumes:
            learner.resume(saved)
            log.info("training resumes after epoch %d", len(course.rows))
        for _ in range(len(done), stage.epochs):
            if stage.patience and course.waited >= stage.patience:
                log.info("no better validation loss for %d epochs: the stage ends", course.waited)
                break
            started = time.perf_counter()
            fitted = learner.epoch()
            checked = evaluate(classifier, validation, objective, settings.batch, dtype)
            learner.settle(checked.loss if validation else fitted.loss)
            row = course.row(fitted, checked, learner.rate, time.perf_counter() - started)
            course.add(row, classifier, checked=validation is not None)
            store.save({**course.state(), **learner.state()})
            _log_epoch(row)
    if course.best_epoch is None:
        raise InputError(
            "the validation loss was not finite in any epoch",
            field="training.learning_rate",
            remedy="Lower the learning rate, or set epochs above 0",
        )
    course.rows[course.best_epoch - 1]["best"] = 1
    classifier.load_state_dict(course.best)
    classifier.requires_grad_(True)
    classifier.to("cpu", memory_format=torch.contiguous_format).eval()
    return TRAINING.frame(course.rows)


def _log_epoch(row: Mapping[str, Any]) -> None:
    """Log an epoch; `training_progress` reads these lines."""
    log.info(
        "epoch %(epoch)d: loss %(train_loss).4f, accuracy %(train_accuracy).3f;"
        " validation loss %(val_loss).4f, accuracy %(val_accuracy).3f; %(seconds).1f s",
        row,
    )
