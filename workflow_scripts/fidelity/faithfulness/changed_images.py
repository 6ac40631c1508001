"""Classify images that were changed."""

import numpy as np
import torch

from fidelity.classifiers.model import Classifier
from fidelity.classifiers.predict import classify_padded
from fidelity.faithfulness.one_map import Probabilities


def answers_of(
    classifier: Classifier, batch: int, dtype: str, output: str = "probability"
) -> Probabilities:
    """Return the function that classifies the changed images.

    Args:
        classifier: in eval mode, on its device.
        batch: images per forward pass; a short last batch is padded.
        dtype: type of the forward passes: `float32`, `bfloat16` or `auto`.
        output: `probability` or `logit`.

    Returns:
        A function that takes grey images float32 (n, H, W) in [0, 1] and the index of a class, or
        one index for each image. It returns the probabilities (or logits) (n,) of that class.
    """

    def answers(images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
        found = []
        for chunk in torch.from_numpy(images).split(batch):
            shown = chunk.to(classifier.device)
            said = classify_padded(classifier, shown, batch, output, dtype)
            found.append(said.cpu())
        return torch.cat(found).numpy()[np.arange(len(images)), target]

    return answers
