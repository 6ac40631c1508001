"""Guided backpropagation, by the package captum, and guided Grad-CAM."""

import warnings

import torch
from captum.attr import GuidedBackprop as CaptumGuidedBackprop

from fidelity.classifiers.cam_layers.choose import CamLayer, find_cam_layer
from fidelity.classifiers.model import Classifier
from fidelity.explainers.base import Context, Explain
from fidelity.explainers.cam.layer_reader import LayerReader
from fidelity.explainers.gradients.batches import (
    Attributions,
    Batch,
    explainer,
)
from fidelity.explainers.gradients.operations import with_known_operations
from fidelity.settings.explainers import GuidedBackprop, GuidedGradcam


def make(context: Context, settings: GuidedBackprop | GuidedGradcam) -> Explain:
    """Set up guided backprop (Springenberg et al. 2015) or guided Grad-CAM (Selvaraju et al. 2017).

    Returns:
        A function from tasks to maps of kind `dense`. Guided Grad-CAM is guided backprop times the
        rectified Grad-CAM, which is enlarged bilinearly as in its paper (captum uses nearest
        neighbours).

    Raises:
        InputError: a network without ReLU, or with operations that have no rule; see
            `with_known_operations`. For guided_gradcam also: no such layer.
    """
    twin = with_known_operations(context.classifier, settings.method)
    guided = CaptumGuidedBackprop(twin)
    # Layers are named by blocks, which the rewritten network no longer has.
    plain = context.classifier
    with_cam = isinstance(settings, GuidedGradcam)
    layer = find_cam_layer(plain, settings.layer) if with_cam else None

    def attribute(batch: Batch) -> Attributions:
        x = twin.normalise(batch.grey).requires_grad_()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Setting backward hooks")
            values = guided.attribute(x, batch.targets).sum(1)
        if layer is not None:
            cam = torch.relu(grad_cam(plain, layer, x, batch.targets))
            cam = torch.nn.functional.interpolate(cam[:, None], x.shape[2:], mode="bilinear")
            values = values * cam[:, 0]
        return Attributions(values, {})

    return explainer(context, settings, attribute)


def grad_cam(
    classifier: Classifier, layer: CamLayer, x: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Compute Grad-CAM's grid before its ReLU, (b, h, w), for a batch."""
    reader = LayerReader(classifier, layer, gradients=True)
    reader(x).gather(1, targets[:, None]).sum().backward()
    weights = reader.gradients.mean((2, 3), keepdim=True)
    return (weights * reader.activations).sum(1).to(x.device)
