"""The package's CAMs, with corrections: how each combines activations and gradients."""

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

# Relative size below which a float32 difference or sum is only its own rounding error.
ROUNDING = 1e-6


class BoundedGradCAMPlusPlus(GradCAMPlusPlus):
    """Grad-CAM++ whose coefficients stay in the range of their derivation.

    The coefficient is g² / (2g² + g³·ΣA): at most ½ where activations are not negative, as in the
    paper (Chattopadhyay et al. 2018). On a layer before its ReLU, the denominator may vanish or
    become negative. It is kept at g² or more, so that coefficients are in [0, 1].
    """

    # The package's addition to the denominator; 0 would be the paper's formula. Gradients at a 7×7
    # layer are about 1e-3, so this value outweighs 2g² and favours channels with large gradients.
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

    Weights are divided by the sum of a channel's activations. On a layer before its ReLU, that sum
    may be only rounding error. The package adds 1e-7, and such a channel then dominates the map.
    """

    def get_cam_weights(self, *given: Any) -> np.ndarray:
        _, _, _, activations, grads = given
        total = activations.sum(axis=(2, 3)) + 1e-7  # as in the package
        used = np.abs(total) > ROUNDING * np.abs(activations).sum(axis=(2, 3))
        relevance = (grads * activations).sum(axis=(2, 3))
        return np.divide(relevance, total, out=np.zeros_like(relevance), where=used)


class SignedEigenCAM(EigenCAM):
    """Eigen-CAM with a defined sign: that of the mean activation. It depends on no class."""

    def get_cam_image(self, *given: Any) -> np.ndarray:
        activations = given[3]
        return first_component(activations)


class SignedEigenGradCAM(EigenGradCAM):
    """EigenGrad-CAM with a defined sign: that of the mean of gradient × activation."""

    def get_cam_image(self, *given: Any) -> np.ndarray:
        _, _, _, activations, grads, _ = given
        return first_component(grads * activations)


def first_component(features: np.ndarray) -> np.ndarray:
    """Project the features (n, channels, h, w) of positions on their first principal component.

    The package's `get_2d_projection` leaves the sign to LAPACK, so a map may be inverted on another
    machine. It silently turns NaN into 0. For constant activations, it makes a full map from
    rounding errors. It also computes all singular vectors, but uses only one.

    Returns:
        float32 (n, h, w), with the sign that correlates positively with the mean of the features
        over channels. If that mean is flat, the value of largest size is positive. It is 0 where
        the features do not vary.

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
    """The logit of a class, in the form of pytorch-grad-cam's targets."""

    def __init__(self, category: int) -> None:
        self.category = category

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Return the class's logit from one image's logits (classes,)."""
        return output[self.category]


class FinerTarget:
    """The target of Finer-CAM (Zhang et al. 2025): what distinguishes a class from similar ones.

    It is the logit minus alpha times the mean logit of the classes with the nearest logits,
    weighted by their probability. The package differs in three points. It uses one class for all
    images of a batch. With targets set by the caller, it silently falls back to Grad-CAM. It
    divides probabilities by their sum + 1e-9, so a margin above about 18 logits inverts the map.
    Here the weights are a softmax over the compared classes, which is the same without that term.
    """

    def __init__(self, category: int, comparisons: int, alpha: float) -> None:
        self.category, self.comparisons, self.alpha = category, comparisons, alpha

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Compute the target from one image's logits (classes,)."""
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
    "finercam": GradCAM,  # with a FinerTarget
}
