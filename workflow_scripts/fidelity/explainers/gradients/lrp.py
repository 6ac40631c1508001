"""Layer-wise relevance propagation, by the package zennit."""

import torch
from zennit.attribution import Gradient
from zennit.composites import COMPOSITES
from zennit.core import Composite

from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Explain
from fidelity.explainers.gradients.batches import Attributions, Batch, explainer, logits_of
from fidelity.explainers.gradients.modules import with_network
from fidelity.explainers.gradients.relevance import canonised
from fidelity.settings.explainers import Lrp


def make(context: Context, settings: Lrp) -> Explain:
    """Set up layer-wise relevance propagation (Bach et al. 2015; Montavon et al. 2019).

    The target's logit is propagated (Bach et al. 2015), so positive relevance supports the class
    whatever the logit's sign.

    Returns:
        A function from tasks to maps of kind `dense`. Extras: logit, and conservation_error, the
        sum of relevance minus the logit (what biases and stabilisers absorbed or added).

    Raises:
        InputError: an operation without a rule; see `canonised`.
    """
    twin = canonised(context.classifier)
    head = with_network(twin, torch.nn.Identity())
    rules = composite(twin, settings.composite, settings.epsilon)

    def attribute(batch: Batch) -> Attributions:
        x = twin.normalise(batch.grey)
        _, relevance = Gradient(twin.network, rules)(
            x, lambda outputs: start(head, outputs, batch.targets)
        )
        with torch.no_grad():
            logits = logits_of(twin, x, batch.targets)
        error = relevance.flatten(1).double().sum(1) - logits
        return Attributions(relevance, {"logit": logits, "conservation_error": error})

    return explainer(context, settings, attribute)


def composite(classifier: Classifier, name: str, epsilon: float) -> Composite:
    """Build zennit's composite; the one with a box gets the possible range of grey values."""
    given = {"epsilon": epsilon}
    if name == "epsilon_gamma_box":
        side = classifier.image_size
        ends = torch.tensor([0.0, 1.0], device=classifier.device)
        low, high = classifier.normalise(ends[:, None, None].expand(2, side, side)).split(1)
        given |= {"low": low, "high": high}
    return COMPOSITES[name](**given)


def start(head: Classifier, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Distribute a target's logit over the network's outputs: (b, outputs), rows that sum to it.

    A logit is one output, its negative, or a difference of two (see `Classifier.forward`). So it is
    the sum of the outputs times its gradient with respect to them.

    Args:
        head: turns outputs into logits: the classifier around an identity.
    """
    at = outputs.detach().requires_grad_()
    with torch.enable_grad():
        chosen = logits_of(head, at, targets).sum()
    return at.detach() * torch.autograd.grad(chosen, at)[0]
