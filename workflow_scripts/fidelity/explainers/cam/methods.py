"""The package's CAMs with their traps removed: what each makes of activations and gradients."""

from typing import Any

import numpy as np
import torch
from pytorch_grad_cam import (
    EigenCAM,
    EigenGradCAM,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    XGradCAM,
)
from pytorch_grad_cam.base_cam import BaseCAM

# Relative size under which a float32 difference or sum is its own rounding error.
ROUNDING = 1e-6


class BoundedGradCAMPlusPlus(GradCAMPlusPlus):
    """Grad-CAM++ whose coefficients stay in the range that their derivation gives them.

    The coefficient is g² / (2g² + g³·ΣA): at most ½ where activations are not negative, as in the
    paper (Chattopadhyay et al. 2018). On a layer before its ReLU the denominator may vanish or turn
    negative. It is kept at g² or more, so that coefficients are in [0, 1].
    """

    # Added to the denominator by the package. Gradients at a 7×7 layer are about 1e-3, so that it
    # outweighs 2g² and favours channels of large gradient; 0 is the paper's formula.
    epsilon = 1e-6

    def get_cam_weights(self, *given: Any) -> np.ndarray:
        _, _, _, activations, grads = given
        squared = grads**2
        total = activations.sum(axis=(2, 3), keepdims=True)
        denominator = np.maximum(2 * squared + total * squared * grads + self.epsilon, squared)
        used = denominator > 0
        shares = np.divide(squared, denominator, out=np.zeros_like(squared), where=used)
        return (np.maximum(grads, 0) * shares).sum(axis=(2, 3))


class StableXGradCAM(XGradCAM):
    """XGrad-CAM that leaves out channels whose activations cancel each other.

    Weights are divided by the sum of a channel's activations. On a layer before its ReLU that sum
    may be nothing but rounding error; the package adds 1e-7 and gives such a channel the map.
    """

    def get_cam_weights(self, *given: Any) -> np.ndarray:
        _, _, _, activations, grads = given
        total = activations.sum(axis=(2, 3)) + 1e-7  # the package's
        used = np.abs(total) > ROUNDING * np.abs(activations).sum(axis=(2, 3))
        relevance = (grads * activations).sum(axis=(2, 3))
        return np.divide(relevance, total, out=np.zeros_like(relevance), where=used)


class SignedEigenCAM(EigenCAM):
    """Eigen-CAM whose sign is declared: it goes with the mean activation. Knows of no class."""

    def get_cam_image(self, *given: Any) -> np.ndarray:
        activations = given[3]
        return first_component(activations)


class SignedEigenGradCAM(EigenGradCAM):
    """EigenGrad-CAM whose sign is declared: it goes with the mean of gradient × activation."""

    def get_cam_image(self, *given: Any) -> np.ndarray:
        _, _, _, activations, grads, _ = given
        return first_component(grads * activations)


def first_component(features: np.ndarray) -> np.ndarray:
    """Project each position's features on their first principal component.

    The package's `get_2d_projection` leaves the sign to LAPACK, so a map may be its own negative on
    another machine. It turns NaN into 0 silently, and makes a full map of the rounding errors of
    constant activations. It also computes all singular vectors, but uses one.

    Args:
        features: (n, channels, h, w).

    Returns:
        float32 (n, h, w), of the sign that correlates positively with the mean of the features over
        channels. If that mean is flat, the value of largest size is positive. 0 where the features
        do not vary.

    Raises:
        ValueError: features that are not finite.
    """
    if not np.isfinite(features).all():
        raise ValueError("the layer's activations or gradients are not finite")
    return np.stack([_first_component(each) for each in features])


def _first_component(features: np.ndarray) -> np.ndarray:
    channels, height, width = features.shape
    points = features.reshape(channels, -1).T.astype(np.float64)
    centred = points - points.mean(axis=0)
    if np.linalg.norm(centred) <= ROUNDING * np.linalg.norm(points):
        return np.zeros((height, width), np.float32)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    values = centred @ axes[0]
    agreement = float(values @ centred.mean(axis=1))
    if abs(agreement) <= ROUNDING * np.linalg.norm(values) * np.linalg.norm(centred.mean(axis=1)):
        agreement = float(values[np.abs(values).argmax()])
    return (np.sign(agreement) * values).reshape(height, width).astype(np.float32)


class ClassTarget:
    """The logit of a class, as pytorch-grad-cam's targets give it."""

    def __init__(self, category: int) -> None:
        self.category = category

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Take it from one image's logits (classes,)."""
        return output[self.category]


class FinerTarget:
    """What tells a class from those like it (Finer-CAM, Zhang et al. 2025).

    The logit minus alpha times the logit of the classes nearest to it, weighted by their
    probability. The package takes one class for all images of a batch, and with targets of one's
    own falls back to Grad-CAM without a word. It divides probabilities by their sum + 1e-9, so a
    classifier more certain than about 18 logits gets an inverted map. Here they are a softmax over
    the classes compared, which is the same without that term.
    """

    def __init__(self, category: int, comparisons: int, alpha: float) -> None:
        self.category, self.comparisons, self.alpha = category, comparisons, alpha

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Compute it from one image's logits (classes,)."""
        distance = (output - output[self.category]).abs().tolist()
        others = [index for index in range(len(output)) if index != self.category]
        nearest = output[sorted(others, key=distance.__getitem__)[: self.comparisons]]
        return (nearest.softmax(0) * (output[self.category] - self.alpha * nearest)).sum()


METHODS: dict[str, type[BaseCAM]] = {
    "gradcam": GradCAM,
    "gradcam_plus_plus": BoundedGradCAMPlusPlus,
    "xgradcam": StableXGradCAM,
    "hirescam": HiResCAM,
    "layercam": LayerCAM,
    "eigencam": SignedEigenCAM,
    "eigengradcam": SignedEigenGradCAM,
    "finercam": GradCAM,  # of a FinerTarget
}
