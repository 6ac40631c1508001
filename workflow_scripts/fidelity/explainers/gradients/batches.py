"""Shared by all gradient methods: batches of one size, and no gradients of parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.cam.layer_reader import frozen
from fidelity.explainers.padding import padded
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Explainer


@dataclass(frozen=True)
class Batch:
    """Images to explain together, padded to the context's batch size.

    Attributes:
        grey: float32 (b, H, W) in [0, 1], on the classifier's device.
        targets: int64 (b,), the explained columns of the logits.
        seeds: one per image; an image's seed does not depend on the other images.
    """

    grey: torch.Tensor
    targets: torch.Tensor
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Attributions:
    """What a method returns for a batch.

    Attributes:
        values: signed, (b, channels, H, W) or already summed over channels (b, H, W).
        extras: name → one value per image (b,).
    """

    values: torch.Tensor
    extras: dict[str, torch.Tensor]


def explainer(
    context: Context, settings: Explainer, attribute: Callable[[Batch], Attributions]
) -> Explain:
    """Turn a function from batches to attributions into an explainer.

    Args:
        settings: magnitude, applied first, takes the absolute value of the sum over channels; it
            is False where a method has no such key. smoothing is the standard deviation of a
            Gaussian in pixels of the working image; 0 means none.
        attribute: called with batches of one fixed size. A library chooses other kernels, which
            round differently, for other batch sizes.

    Returns:
        A function from tasks to maps of kind `dense` at the working image's size.
    """

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        with torch.enable_grad(), frozen(context.classifier):
            found = attribute(batch_of(context, tasks))
        values = found.values.detach()
        values = (values.sum(1) if values.ndim == 4 else values).float().cpu().numpy()
        extras = {name: each.detach().cpu().tolist() for name, each in found.extras.items()}
        return [
            Explanation(
                SaliencyMap("dense", finished(values[i], settings)),
                {name: each[i] for name, each in extras.items()},
            )
            for i in range(len(tasks))
        ]

    return explain


def batch_of(context: Context, tasks: Sequence[Task]) -> Batch:
    """Stack tasks to a batch of the context's size, padded with black images."""
    images, targets = padded(tasks, context.batch)
    device = context.classifier.device
    seeds = [context.seed_of(task) for task in tasks]
    return Batch(
        torch.from_numpy(images).to(device).float() / 255,
        torch.tensor(targets, device=device),
        tuple(seeds + [0] * (len(targets) - len(tasks))),
    )


def finished(values: np.ndarray, settings: Explainer) -> np.ndarray:
    """Take the magnitude, then smooth, as set in the settings; see `explainer`."""
    if getattr(settings, "magnitude", False):
        values = np.abs(values)
    if settings.smoothing:
        # Mirrored at the border, so that a constant map stays constant.
        values = cv2.GaussianBlur(values, (0, 0), settings.smoothing, borderType=cv2.BORDER_REFLECT)
    return values


def gradient(
    classifier: Classifier, x: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the gradient (b, channels, H, W) of the targets' logits at x, and these logits (b,).

    Args:
        x: (b, channels, H, W), normalised.
    """
    x = x.detach().requires_grad_()
    chosen = logits_of(classifier, x, targets)
    return torch.autograd.grad(chosen.sum(), x)[0], chosen.detach()


def logits_of(classifier: Classifier, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the targets' logits (b,)."""
    return classifier(x).gather(1, targets[:, None])[:, 0]


@torch.no_grad()
def completeness(
    classifier: Classifier,
    x: torch.Tensor,
    baseline: torch.Tensor,
    targets: torch.Tensor,
    attributions: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Compare the sum of attributions with what they should add up to.

    This is completeness (Sundararajan, Taly & Yan 2017), or summation to delta (Shrikumar et al.
    2017). Attributions add up to the difference of the logit between image and baseline.

    Returns:
        logit_difference (b,), and completeness_error (b,): the sum of attributions minus
        logit_difference, both in units of the logit.
    """
    difference = logits_of(classifier, x, targets) - logits_of(classifier, baseline, targets)
    total = attributions.flatten(1).double().sum(1)
    return {"logit_difference": difference, "completeness_error": total - difference}
