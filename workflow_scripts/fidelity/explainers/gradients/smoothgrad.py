"""SmoothGrad: the mean gradient over noisy copies of the image."""

import torch

from fidelity.explainers.base import Context, Explain
from fidelity.explainers.gradients.batches import (
    Attributions,
    Batch,
    explainer,
    gradient,
)
from fidelity.explainers.gradients.references import CaseNoise, value_range
from fidelity.settings.explainers import Smoothgrad


def make(context: Context, settings: Smoothgrad) -> Explain:
    """Set up SmoothGrad (Smilkov et al. 2017), with maps of kind `dense`.

    The noise is that of a grey image, the same in all channels, and is drawn separately per case.

    Args:
        settings: samples, noise (standard deviation as a share of the image's range of grey
            values), magnitude (of the mean of signed gradients), smoothing.
    """
    classifier = context.classifier

    def attribute(batch: Batch) -> Attributions:
        noise = CaseNoise(batch.seeds, batch.grey.device)
        sigma = settings.noise * value_range(batch.grey)
        total = torch.zeros_like(batch.grey)
        for _ in range(settings.samples):
            noisy = batch.grey + sigma * noise.normal(batch.grey.shape[1:])
            values, _ = gradient(classifier, classifier.normalise(noisy), batch.targets)
            total += values.sum(1)
        return Attributions(total / settings.samples, {})

    return explainer(context, settings, attribute)
