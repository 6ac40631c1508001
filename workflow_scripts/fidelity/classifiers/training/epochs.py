"""The epochs of a classifier: one pass of training, or of measuring the loss."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from fidelity.base.compute import autocast
from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.single_images import in_words
from fidelity.classifiers.training.augment import augment, move_masks
from fidelity.classifiers.training.examples import Examples
from fidelity.classifiers.training.guidance import penalty
from fidelity.classifiers.training.objective import Objective
from fidelity.classifiers.training.stages import frozen_norms_to_eval, optimizer_of
from fidelity.settings.classifiers import Training


@dataclass(frozen=True)
class Result:
    """Mean loss and accuracy over examples; NaN without examples."""

    loss: float = math.nan
    accuracy: float = math.nan


class Learner:
    """Trains on examples in one stage; the learning `rate` is that of the last step, NaN before."""

    def __init__(
        self,
        classifier: Classifier,
        training: Examples,
        stage: Training,
        dtype: str,
        generator: torch.Generator,
    ) -> None:
        """Make the optimiser of the trainable parameters.

        Args:
            generator: random generator of the order of examples and of the augmentation.
        """
        self.classifier, self.training, self.stage = classifier, training, stage
        self.dtype, self.generator = dtype, generator
        self.objective = Objective.weighed(classifier, stage.class_weights, training)
        self.optimizer, self.scheduler = optimizer_of(classifier, stage, len(training))
        self.rate = math.nan

    def state(self) -> dict[str, Any]:
        """Return the state that `resume` takes."""
        return {
            "network": self.classifier.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "generator": self.generator.get_state(),
        }

    def resume(self, saved: dict[str, Any]) -> None:
        """Restore a state."""
        self.classifier.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(saved["scheduler"])
        self.generator.set_state(saved["generator"])

    def epoch(self) -> Result:
        """Train on every example once; refuse a loss that is not finite."""
        self.classifier.train()
        frozen_norms_to_eval(self.classifier.network)
        order = torch.randperm(len(self.training), generator=self.generator).numpy()
        parts = _parts(order, self.stage.batch)
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts.pop()  # batch normalisation has no variance over a single image
        tally = _Tally(self.objective)
        with in_words(len(self.training), self.stage.batch, "training.batch"):
            for part in parts:
                self._learn(part, tally)
        return tally.result()

    def settle(self, loss: float) -> None:
        """Report an epoch's loss to a plateau scheduler, which may lower the learning rate."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(loss)

    def _learn(self, part: np.ndarray, tally: "_Tally") -> None:
        images, labels, known = _batch(self.training, part, self.classifier.device)
        guided, random = self.training.irrelevant is not None, self.stage.augmentation
        if guided:
            masks = torch.from_numpy(self.training.irrelevant[part]).to(images.device)
            irrelevant = move_masks(masks, random, self.generator.get_state())
        images = augment(images, random, self.generator).requires_grad_(guided)
        logits = _logits(self.classifier, images, self.dtype)
        total, weight = tally.count(logits, labels, known)
        loss = total / weight.clamp_min(1e-12)
        if guided:
            how, activation = self.stage.guidance, self.classifier.activation
            loss += how.weight * penalty(logits, activation, images, irrelevant, how.loss)
        self._step(loss)

    def _step(self, loss: torch.Tensor) -> None:
        if not torch.isfinite(loss):
            raise InputError(
                "the training loss is not finite",
                field="training.learning_rate",
                remedy="Lower the learning rate",
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        # Read before the scheduler moves on: after the last step, the scheduler is past its end.
        self.rate = self.optimizer.param_groups[0]["lr"]
        if self.scheduler is not None and not isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step()


@torch.no_grad()
def evaluate(
    classifier: Classifier, examples: Examples | None, objective: Objective, batch: int, dtype: str
) -> Result:
    """Measure loss and accuracy without training."""
    if examples is None:
        return Result()
    classifier.eval()
    tally = _Tally(objective)
    for part in _parts(np.arange(len(examples)), batch):
        images, labels, known = _batch(examples, part, classifier.device)
        tally.count(_logits(classifier, images, dtype), labels, known)
    return tally.result()


class _Tally:
    """Accumulates the loss and the correct predictions of batches."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.loss = self.weight = self.hits = self.judged = 0.0

    def count(
        self, logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add a batch; return its weighted sum of losses and the sum of the weights."""
        each, weights = self.objective.losses(logits, labels, known)
        loss, weight = (each * weights).sum(), weights.sum()
        self.loss += float(loss.detach())
        self.weight += float(weight)
        hits, judged = self.objective.hits(logits.detach(), labels, known)
        self.hits, self.judged = self.hits + hits, self.judged + judged
        return loss, weight

    def result(self) -> Result:
        return Result(self.loss / max(self.weight, 1e-12), self.hits / max(self.judged, 1))


def _parts(order: np.ndarray, batch: int) -> list[np.ndarray]:
    return [order[i : i + batch] for i in range(0, len(order), batch)]


def _batch(examples: Examples, part: np.ndarray, device: torch.device) -> list[torch.Tensor]:
    """Return images in [0, 1], labels, and which labels are known."""
    arrays = examples.images[part], examples.labels[part], examples.known[part]
    images, labels, known = (torch.from_numpy(array).to(device) for array in arrays)
    return [images.float() / 255, labels, known]


def _logits(classifier: Classifier, images: torch.Tensor, dtype: str) -> torch.Tensor:
    """Compute the logits; for `three_way`, those of all states."""
    x = classifier.normalise(images)
    with autocast(classifier.device, dtype):
        return classifier.states(x) if classifier.activation == "three_way" else classifier(x)
