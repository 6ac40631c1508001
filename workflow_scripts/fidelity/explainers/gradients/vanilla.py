"""The gradient of a logit at the input, alone or times the input."""

from fidelity.explainers.base import Context, Explain
from fidelity.explainers.gradients.batches import (
    Attributions,
    Batch,
    explainer,
    gradient,
)
from fidelity.settings.explainers import Gradient, InputXGradient


def make(context: Context, settings: Gradient | InputXGradient) -> Explain:
    """Set up the gradient (Simonyan, Vedaldi & Zisserman 2014) or input × gradient.

    Input × gradient (Shrikumar et al. 2016) multiplies by the network's input. That input is zero
    at the grey value that normalisation subtracts, not at black.

    Returns:
        A function from tasks to maps of kind `dense`. Extras: logit.
    """
    classifier = context.classifier
    times_input = settings.method == "input_x_gradient"

    def attribute(batch: Batch) -> Attributions:
        x = classifier.normalise(batch.grey)
        values, logits = gradient(classifier, x, batch.targets)
        return Attributions(values * x if times_input else values, {"logit": logits})

    return explainer(context, settings, attribute)
