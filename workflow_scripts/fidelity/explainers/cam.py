"""Class activation maps by the package `grad-cam` (pytorch-grad-cam)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from fidelity.classifiers.cam_layers import find_cam_layer
from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.maps import SaliencyMap

CAMS: dict[str, type[BaseCAM]] = {"gradcam": GradCAM}


class NativeGrid:
    """Mixed into a CAM of the package: returns the weighted activations as they are.

    The package rectifies, scales by minimum and maximum, and resizes to the input in one go. Here
    the signed low-resolution grid is kept; those steps come at rendering, for all explainers alike.
    """

    def compute_cam_per_layer(
        self, input_tensor: torch.Tensor, targets: list, eigen_smooth: bool
    ) -> np.ndarray:
        hooks = self.activations_and_grads
        return self.get_cam_image(
            input_tensor,
            self.target_layers[0],
            targets,
            hooks.activations[0].numpy(),
            hooks.gradients[0].numpy(),
            eigen_smooth,
        )

    def aggregate_multi_layers(self, cam: np.ndarray) -> np.ndarray:
        return cam


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Set a CAM up.

    Args:
        context: classifier, batch size and seed.
        settings: method (a key of `CAMS`) and layer (dotted name in the network, or `auto`: the
            last layer with a spatial extent, chosen by the architecture).

    Returns:
        A function from tasks to maps of kind `grid`: the weighted sum of the layer's activations,
        signed, before ReLU. Extras: layer.

    Raises:
        InputError: no such layer, or one without spatial extent.
    """
    classifier = context.classifier
    layer = find_cam_layer(classifier, settings["layer"])
    method = CAMS[settings["method"]]
    cam = type(f"Native{method.__name__}", (NativeGrid, method), {})(
        classifier, [layer.module], reshape_transform=layer.reshape
    )

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        images = np.stack([task.case.image for task in tasks])
        targets = [ClassifierOutputTarget(task.target) for task in tasks]
        pad = context.batch - len(tasks)  # a fixed batch size: kernels round by batch size
        images = np.concatenate([images, np.zeros((pad, *images.shape[1:]), images.dtype)])
        targets += [ClassifierOutputTarget(0)] * pad
        with torch.enable_grad():
            grids = cam(classifier.preprocess(images), targets)
        return [
            Explanation(SaliencyMap("grid", g), {"layer": layer.name}) for g in grids[: len(tasks)]
        ]

    return explain
