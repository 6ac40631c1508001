"""What a classifier says of images that were changed."""

import numpy as np
import torch

from fidelity.classifiers.model import Classifier
from fidelity.compute import autocast
from fidelity.faithfulness.measure import Probabilities


def answers_of(classifier: Classifier, batch: int, dtype: str) -> Probabilities:
    """Give the function that faithfulness asks.

    Args:
        classifier: in eval mode, on its device.
        batch: images per forward pass; a short last batch is filled up, since kernels round by the
            batch size.
        dtype: of the forward passes: `float32`, `bfloat16` or `auto`.

    Returns:
        A function from grey images float32 (n, H, W) in [0, 1] and the index of a class to the
        probabilities (n,) of that class.
    """

    @torch.inference_mode()
    def probabilities(images: np.ndarray, target: int) -> np.ndarray:
        full = np.concatenate(
            [images, np.zeros((-len(images) % batch, *images.shape[1:]), images.dtype)]
        )
        found = []
        for start in range(0, len(full), batch):
            chunk = torch.from_numpy(full[start : start + batch]).to(classifier.device).float()
            with autocast(classifier.device, dtype):
                logits = classifier(classifier.normalise(chunk)).float()
            found.append(classifier.probabilities(logits)[:, target].cpu())
        return torch.cat(found)[: len(images)].numpy()

    return probabilities
