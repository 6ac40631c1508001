"""Null baseline: another explainer on the classifier's architecture with random weights."""

import copy
import dataclasses
import hashlib
import importlib
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from fidelity.classifiers.model import Classifier
from fidelity.errors import InputError
from fidelity.explainers.base import Context, Explain
from fidelity.explainers.registry import method_of
from fidelity.seeding import seed_for

# Images that give a random network's batch normalisations their statistics.
NOISE_IMAGES = 16


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Set another explainer up on a randomised copy of the classifier.

    The model parameter randomisation test of Adebayo et al. 2018 (Sanity checks for saliency maps):
    an explanation that scores no better than this owes its score to the architecture and the image,
    not to what the classifier has learnt.

    Args:
        context: classifier, which is left as it is, and seed.
        settings: of, the config entry of the explainer. It gets the random numbers that it has on
            the trained classifier, so that the weights are the only difference.

    Returns:
        That explainer's function from tasks to maps.

    Raises:
        InputError: the explainer needs no classifier, or randomises weights itself.
    """
    inner = settings["of"]
    method = method_of(inner["method"])
    if not method.needs_classifier or inner["method"] == "random_weights":
        raise InputError(
            f"{inner['method']!r} has no trained weights that could be randomised",
            field="explainers.of",
            remedy="Name an explainer of the classifier, such as gradcam",
        )
    # Each trained network (each training seed) has a random twin of its own.
    trained = weights_digest(context.classifier)
    network = randomised(context.classifier, seed_for(context.seed, "random weights", trained))
    module = importlib.import_module(f"fidelity.{method.module}")
    inner_context = dataclasses.replace(context, classifier=network, method=inner["method"])
    return module.make(inner_context, inner)


def weights_digest(classifier: Classifier) -> str:
    """Hash a classifier's weights: 16 hexadecimal digits, the same on every device."""
    digest = hashlib.blake2b(digest_size=8)
    for name, values in sorted(classifier.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values.detach().cpu().float().numpy()).tobytes())
    return digest.hexdigest()


def randomised(classifier: Classifier, seed: int) -> Classifier:
    """Copy a classifier and draw all its weights anew.

    Every module with `reset_parameters` is initialised as its own code does it. Parameters of
    modules without one (layer scales, class tokens, position embeddings; everything in
    TorchScript) are shuffled: their scale stays, what they have learnt goes.

    Running statistics of batch normalisation are estimated on smooth noise afterwards. Reset to
    mean 0 and variance 1 they would make the layers do nothing, and activations fade with depth as
    they do in no network that was ever trained; left as trained, they would not fit the new
    weights. Noise rather than the cases, because the network must not depend on the shard.

    Args:
        classifier: stays as it is.
        seed: of the weights and the noise.

    Returns:
        The copy, in eval mode, on the classifier's device. The same on every device: it is drawn on
        the CPU.
    """
    device = classifier.device
    twin = copy.deepcopy(classifier).cpu().eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in twin.network.modules():
            reset = getattr(module, "reset_parameters", None)
            reset = reset or getattr(module, "_reset_parameters", None)  # MultiheadAttention
            if callable(reset):
                reset()
            else:
                for parameter in module.parameters(recurse=False):
                    shuffled = parameter.flatten()[torch.randperm(parameter.numel())]
                    parameter.copy_(shuffled.view_as(parameter))
        _estimate_statistics(twin, seed)
    return twin.to(device)


def _estimate_statistics(classifier: Classifier, seed: int) -> None:
    """Set the running statistics of all batch normalisations to those of a batch of noise."""
    norms = [
        module
        for module in classifier.network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative: one batch is the estimate
        norm.train()
    classifier(classifier.preprocess(_noise(classifier.image_size, seed)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def _noise(side: int, seed: int) -> np.ndarray:
    """Smooth noise that uses the range of grey values as a radiograph does, uint8 (n, S, S)."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((NOISE_IMAGES, side, side)).astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), side / 32) for image in noise])
    spread = blurred.std(axis=(1, 2), keepdims=True)
    return np.clip(128 + 50 * blurred / spread, 0, 255).astype(np.uint8)
