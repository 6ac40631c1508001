"""Compute logits of many images, independent of how they are grouped in batches."""

import numpy as np
import torch

from fidelity.base.compute import autocast
from fidelity.base.errors import InputError
from fidelity.classifiers.model import Classifier


@torch.no_grad()
def predict_logits(
    classifier: Classifier, images: np.ndarray, batch: int = 32, dtype: str = "float32"
) -> np.ndarray:
    """Compute logits, float32 (n, classes), in batches of one fixed size.

    The last batch is padded with zeros, because kernels choose their order of summation by the
    batch size. In a smaller batch, the last digits of the same image could differ.

    Args:
        classifier: in eval mode, on its device.
        images: uint8 (n, H, W) at the classifier's image size.
        dtype: `float32` (default, exact to the digit on one machine), `bfloat16` or `auto`.

    Raises:
        InputError: the images have another size than the classifier expects.
    """
    count = len(images)
    if count == 0:
        return np.zeros((0, len(classifier.classes)), np.float32)
    side = classifier.image_size
    if images.shape[1:] != (side, side):
        raise InputError(
            f"the images are {images.shape[1]}×{images.shape[2]} px, the classifier expects"
            f" {side}×{side}",
            field="image_size",
            remedy="Prepare the data set and the classifier with one image_size",
        )
    logits = []
    for start in range(0, count, batch):
        part = images[start : start + batch]
        full = np.zeros((batch, side, side), np.uint8)
        full[: len(part)] = part
        with autocast(classifier.device, dtype):
            out = classifier(classifier.preprocess(full))
        logits.append(out[: len(part)].float().cpu().numpy())
    return np.concatenate(logits)


@torch.inference_mode()
def classify_padded(
    classifier: Classifier, images: torch.Tensor, batch: int, output: str, precision: str
) -> torch.Tensor:
    """Classify one batch of changed images: float32 (n, classes), on the classifier's device.

    Args:
        classifier: in eval mode.
        images: float (n, H, W) in [0, 1] on the classifier's device, n at most `batch`.
        batch: images per forward pass. A short batch is padded, because a library may choose other
            kernels for another batch size, and these round differently.
        output: `probability` or `logit`.
        precision: `float32`, `bfloat16`, or `auto` (bfloat16 if the hardware has it).
    """
    padded = torch.nn.functional.pad(images.float(), (0, 0, 0, 0, 0, batch - len(images)))
    with autocast(classifier.device, precision):
        logits = classifier(classifier.normalise(padded)).float()
    results = classifier.probabilities(logits) if output == "probability" else logits
    return results[: len(images)]
