"""Class activation maps by the package `grad-cam` (pytorch-grad-cam): one pass per batch."""

from collections.abc import Sequence

import numpy as np
import torch

from fidelity.base.errors import InputError
from fidelity.classifiers.cam_layers.choose import find_cam_layer
from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.cam.layer_reader import LayerReader
from fidelity.explainers.cam.methods import METHODS, ClassTarget, FinerTarget
from fidelity.explainers.padding import padded
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Cam, Finercam, GradcamPlusPlus


class NativeGrid:
    """A mixin for the package's CAMs that returns the weighted activations unchanged.

    The package rectifies, scales by minimum and maximum, and resizes to the input in one step. Here
    the signed low-resolution grid is kept. Those steps follow at rendering, in the same way for all
    explainers.
    """

    def compute_cam_per_layer(
        self, input_tensor: torch.Tensor, targets: list, eigen_smooth: bool
    ) -> np.ndarray:
        read = self.activations_and_grads
        activations = read.activations.numpy()
        gradients = read.gradients.numpy() if self.uses_gradients else None
        return self.get_cam_image(
            input_tensor, read.layer.module, targets, activations, gradients, eigen_smooth
        )

    def aggregate_multi_layers(self, cam: np.ndarray) -> np.ndarray:
        return cam


def make(context: Context, settings: Cam) -> Explain:
    """Set up a CAM.

    Returns:
        A function from tasks to maps of kind `grid`: the method's map at the layer's resolution,
        signed, before the last ReLU. Extras: layer.

    Raises:
        InputError: there is no such layer, it has no spatial extent, or there is no class to
            compare with.
    """
    classifier = context.classifier
    if isinstance(settings, Finercam) and len(classifier.classes) < 2:
        raise InputError(
            "finercam compares classes, but the classifier has only one",
            field="explainers.method",
            remedy="Use gradcam",
        )
    layer = find_cam_layer(classifier, settings.layer)
    method = METHODS[settings.method]
    # Without target layers, the package sets no hooks of its own.
    cam = type(f"Native{method.__name__}", (NativeGrid, method), {})(classifier, [])
    cam.activations_and_grads = LayerReader(classifier, layer, cam.uses_gradients)
    if isinstance(settings, GradcamPlusPlus):
        cam.epsilon = settings.epsilon

    def target(category: int) -> ClassTarget | FinerTarget:
        if not isinstance(settings, Finercam):
            return ClassTarget(category)
        return FinerTarget(category, settings.comparisons, settings.alpha)

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        images, categories = padded(tasks, context.batch)
        with torch.set_grad_enabled(cam.uses_gradients):
            grids = cam(classifier.preprocess(images), list(map(target, categories)))
        cam.outputs = None  # would keep the graph alive
        cam.activations_and_grads.release()
        return [
            Explanation(SaliencyMap("grid", g), {"layer": layer.name}) for g in grids[: len(tasks)]
        ]

    return explain
