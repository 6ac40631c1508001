"""The loss that training minimises, and the share of correct predictions."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from fidelity.base.errors import InputError
from fidelity.classifiers.model import Activation, Classifier
from fidelity.classifiers.training.examples import Examples

MULTILABEL = ("sigmoid", "three_way")


def class_weights(
    labels: np.ndarray, mode: str, multilabel: bool, known: np.ndarray | None = None
) -> np.ndarray:
    """Weight classes by the inverse of their frequency; refuse an unknown mode.

    Args:
        labels: (n, classes), 0 or 1.
        known: (n, classes), False for labels that are excluded; None = all are included.

    Returns:
        float32 (classes,). Balanced: n / (k · n_c) (scikit-learn's "balanced"), 0 for a class
        without an image. For multilabel: the weight of positives against negatives, (n - n_c) /
        n_c.
    """
    if mode == "none":
        return np.ones(labels.shape[1], np.float32)
    if mode != "balanced":
        raise InputError(
            f"unknown class weights {mode!r}",
            field="training.class_weights",
            remedy="Use none or balanced",
        )
    counted = np.ones(labels.shape, bool) if known is None else known
    counts = (labels * counted).sum(axis=0, dtype=np.float64)
    present = counts > 0
    weights = np.full(len(counts), 1.0 if multilabel else 0.0)
    if multilabel:
        absent = counted.sum(axis=0) - counts
        usable = present & (absent > 0)
        weights[usable] = absent[usable] / counts[usable]
    else:
        weights[present] = len(labels) / (present.sum() * counts[present])
    return weights.astype(np.float32)


@dataclass(frozen=True)
class Objective:
    """The loss of logits, by the activation of their network.

    Attributes:
        weights: weights of the classes, see `class_weights`; float (classes,).
    """

    activation: Activation
    weights: torch.Tensor

    @classmethod
    def weighed(cls, classifier: Classifier, mode: str, training: Examples) -> "Objective":
        """Make an objective whose class weights come from the known training labels."""
        multilabel = classifier.activation in MULTILABEL
        weights = class_weights(training.labels, mode, multilabel, training.known)
        return cls(classifier.activation, torch.from_numpy(weights).to(classifier.device))

    def losses(
        self, logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of each image and its weight: cross-entropy, or binary cross-entropy.

        In a multi-label task, unknown labels are excluded: the weight of an image is the share of
        its labels that are known. In `three_way`, all labels are known, because uncertain is its
        own state.
        """
        logits = logits.float()
        if self.activation == "three_way":
            state = torch.where(known, 2 * labels.long(), 1)
            each = functional.cross_entropy(logits.transpose(1, 2), state, reduction="none")
            # As in binary cross-entropy, the weight is for positives against all others.
            each = each * torch.where(state == 2, self.weights, 1.0)
            return each.mean(dim=1), torch.ones(len(logits), device=logits.device)
        if self.activation == "sigmoid":
            each = functional.binary_cross_entropy_with_logits(
                logits, labels.float(), reduction="none", pos_weight=self.weights
            )
            count = known.sum(dim=1)
            return (each * known).sum(dim=1) / count.clamp_min(1), count / known.shape[1]
        truth = labels.argmax(dim=1)
        if self.activation == "one_logit":
            each = functional.binary_cross_entropy_with_logits(
                logits[:, 1], truth.float(), reduction="none"
            )
        else:
            each = functional.cross_entropy(logits, truth, reduction="none")
        return each, self.weights[truth]

    def hits(
        self, logits: torch.Tensor, labels: torch.Tensor, known: torch.Tensor
    ) -> tuple[float, float]:
        """Count correct and counted predictions: one per image, or one per known label."""
        if self.activation == "three_way":
            logits = logits[:, :, 2] - logits[:, :, 0]
        if self.activation in MULTILABEL:
            right = ((logits > 0) == labels.bool()) & known
            return float(right.sum()), float(known.sum())
        return float((logits.argmax(dim=1) == labels.argmax(dim=1)).sum()), float(len(logits))
