"""Integrated gradients, by the package captum."""

from captum.attr import IntegratedGradients as CaptumIntegratedGradients

from fidelity.explainers.base import Context, Explain
from fidelity.explainers.gradients.batches import (
    Attributions,
    Batch,
    completeness,
    explainer,
)
from fidelity.explainers.gradients.references import baseline
from fidelity.settings.explainers import IntegratedGradients


def make(context: Context, settings: IntegratedGradients) -> Explain:
    """Set up integrated gradients (Sundararajan, Taly & Yan 2017).

    Returns:
        A function from tasks to maps of kind `dense`. Extras: logit_difference between image and
        baseline, and completeness_error, the sum of attributions minus that difference.
    """
    classifier = context.classifier
    method = CaptumIntegratedGradients(classifier)

    def attribute(batch: Batch) -> Attributions:
        x = classifier.normalise(batch.grey)
        start = classifier.normalise(baseline(batch.grey, settings.baseline))
        values = method.attribute(
            x,
            start,
            batch.targets,
            n_steps=settings.steps,
            # One step of the whole batch at a time: memory and batch size stay fixed.
            internal_batch_size=len(x),
        )
        return Attributions(values, completeness(classifier, x, start, batch.targets, values))

    return explainer(context, settings, attribute)
