"""GradientSHAP: expected gradients between random baselines and the image."""

import torch

from fidelity.explainers.base import Context, Explain
from fidelity.explainers.gradients.batches import (
    Attributions,
    Batch,
    explainer,
    gradient,
    logits_of,
)
from fidelity.explainers.gradients.references import CaseNoise, baseline, value_range
from fidelity.settings.explainers import GradientShap


def make(context: Context, settings: GradientShap) -> Explain:
    """Set up GradientSHAP (Lundberg & Lee 2017; Erion et al. 2021), as captum computes it.

    Each sample takes a random point on the line from a baseline to the image with added noise. The
    gradient there is multiplied by the difference of the two ends. The map is the mean over
    samples. The package captum uses the random generators of the process. Here each case has its
    own, so other images have no effect.

    Returns:
        A function from tasks to maps of kind `dense`. Extras: logit_difference, the mean over the
        samples, and completeness_error, the sum of attributions minus that difference. This error
        falls with the square root of the number of samples.
    """
    classifier = context.classifier

    def attribute(batch: Batch) -> Attributions:
        random = CaseNoise(batch.seeds, batch.grey.device)
        sigma = settings.noise * value_range(batch.grey)
        shape = batch.grey.shape[1:]
        total = torch.zeros_like(batch.grey)
        difference = torch.zeros(len(total), device=total.device)
        for _ in range(settings.samples):
            end = batch.grey + sigma * random.normal(shape)
            start = (
                random.uniform(shape)
                if settings.baseline == "noise"
                else baseline(batch.grey, settings.baseline)
            )
            x, b = classifier.normalise(end), classifier.normalise(start)
            at = b + random.uniform((1, 1, 1)) * (x - b)
            slope, _ = gradient(classifier, at, batch.targets)
            total += (slope * (x - b)).sum(1)
            with torch.no_grad():
                difference += logits_of(classifier, x, batch.targets)
                difference -= logits_of(classifier, b, batch.targets)
        values, difference = total / settings.samples, difference / settings.samples
        error = values.flatten(1).double().sum(1) - difference
        return Attributions(values, {"logit_difference": difference, "completeness_error": error})

    return explainer(context, settings, attribute)
