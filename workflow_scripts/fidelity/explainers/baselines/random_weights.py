"""Null baseline: another explainer on the classifier's architecture with random weights."""

import dataclasses

from fidelity.base.errors import InputError
from fidelity.base.seeding import seed_for
from fidelity.classifiers.randomised import randomised, weights_digest
from fidelity.explainers.base import Context, Explain
from fidelity.explainers.registry import depends_on_training, method_of
from fidelity.settings.explainers import RandomWeights


def make(context: Context, settings: RandomWeights) -> Explain:
    """Set up another explainer on a randomised copy of the classifier.

    This is the model parameter randomisation test of Adebayo et al. 2018 (Sanity checks for
    saliency maps). An explanation that scores no better owes its score to the architecture and the
    image, not to the classifier's training.

    Args:
        settings: `of` is the config entry of the explainer. It gets the same random numbers as on
            the trained classifier, so that the weights are the only difference.

    Raises:
        InputError: the explainer needs no classifier, or randomises weights itself.
    """
    inner = settings.of
    if not depends_on_training(inner.method):
        raise InputError(
            f"{inner.method!r} has no trained weights that could be randomised",
            field="explainers.of",
            remedy="Name an explainer of the classifier, such as gradcam",
        )
    # Each trained network (each training seed) has its own random copy.
    trained = weights_digest(context.classifier)
    network = randomised(context.classifier, seed_for(context.seed, "random weights", trained))
    inner_context = dataclasses.replace(context, classifier=network, method=inner.method)
    return method_of(inner.method).implementation().make(inner_context, inner)
