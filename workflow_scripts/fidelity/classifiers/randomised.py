"""Classifiers with random weights, in all layers or in the last ones only."""

import copy
import hashlib
from collections.abc import Iterable

import cv2
import numpy as np
import torch
from torch import nn

from fidelity.classifiers.model import Classifier

# Number of images for estimating the batch normalisation statistics of a random network.
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

    Every module with `reset_parameters` is initialised by its own code. Parameters of other modules
    (layer scales, class tokens, position embeddings; everything in TorchScript) are shuffled: their
    scale stays, but the effect of training is lost.

    The running statistics of batch normalisation are then estimated on smooth noise. If they were
    reset to mean 0 and variance 1, the layers would do nothing. Activations would then vanish with
    depth, unlike in any trained network. The trained statistics would not fit the new weights.
    Noise is used instead of the cases, because the network must not depend on the shard.

    Returns:
        The copy, in eval mode, on the classifier's device. It is the same on every device, because
        its weights are drawn on the CPU.
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
        modules: modules of its network; those that are not batch normalisations are skipped.
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
    """Make smooth noise with the grey value range of a radiograph, uint8 (n, S, S)."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((NOISE_IMAGES, side, side)).astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), side / 32) for image in drawn])
    spread = blurred.std(axis=(1, 2), keepdims=True)
    return np.clip(128 + 50 * blurred / spread, 0, 255).astype(np.uint8)
