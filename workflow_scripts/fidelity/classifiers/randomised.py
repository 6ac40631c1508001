"""Classifiers with random weights, all of them or those of the last layers."""

import copy
import hashlib
from collections.abc import Iterable

import cv2
import numpy as np
import torch
from torch import nn

from fidelity.classifiers.model import Classifier

# Images that give a random network's batch normalisations their statistics.
NOISE_IMAGES = 16


def weights_digest(classifier: Classifier) -> str:
    """Hash a classifier's weights: 16 hexadecimal digits, the same on every device."""
    digest = hashlib.blake2b(digest_size=8)
    for name, values in sorted(classifier.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values.detach().cpu().float().numpy()).tobytes())
    return digest.hexdigest()


def randomised(classifier: Classifier, seed: int) -> Classifier:
    """Copy a classifier and give it new random weights.

    Every module with `reset_parameters` is initialised as its own code does it. Parameters of
    modules without one (layer scales, class tokens, position embeddings; everything in
    TorchScript) are shuffled: their scale stays, the effect of training is lost.

    Running statistics of batch normalisation are estimated on smooth noise afterwards. Reset to
    mean 0 and variance 1, they would make the layers do nothing, and activations would fade with
    depth, unlike in any trained network. Left as trained, they would not fit the new weights. Noise
    rather than the cases, because the network must not depend on the shard.

    Returns:
        The copy, in eval mode, on the classifier's device. The same on every device: it is drawn on
        the CPU.
    """
    device = classifier.device
    twin = copy.deepcopy(classifier).cpu().eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in twin.network.modules():
            draw_weights(module)
        estimate_statistics(twin, twin.network.modules(), noise(twin.image_size, seed))
    return twin.to(device)


def draw_weights(module: nn.Module) -> None:
    """Give a module new random weights, in place, from torch's generator; see `randomised`."""
    reset = getattr(module, "reset_parameters", None)
    reset = reset or getattr(module, "_reset_parameters", None)  # MultiheadAttention
    if callable(reset):
        reset()
        return
    for parameter in module.parameters(recurse=False):
        shuffled = parameter.flatten()[torch.randperm(parameter.numel())]
        parameter.copy_(shuffled.view_as(parameter))


def estimate_statistics(
    classifier: Classifier, modules: Iterable[nn.Module], images: np.ndarray
) -> None:
    """Set the running statistics of batch normalisations to those of a batch of images, in place.

    Args:
        classifier: in eval mode; called without gradients.
        modules: of its network; those that are no batch normalisation are passed over.
        images: uint8 (n, S, S).
    """
    norms = [
        module
        for module in modules
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative: one batch is the estimate
        norm.train()
    classifier(classifier.preprocess(images))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def noise(side: int, seed: int) -> np.ndarray:
    """Smooth noise that uses the range of grey values as a radiograph does, uint8 (n, S, S)."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((NOISE_IMAGES, side, side)).astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), side / 32) for image in drawn])
    spread = blurred.std(axis=(1, 2), keepdims=True)
    return np.clip(128 + 50 * blurred / spread, 0, 255).astype(np.uint8)
