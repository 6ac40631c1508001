"""Cascading randomisation: randomise more and more layers of a network, from the last one.

From Adebayo et al. 2018, Sanity checks for saliency maps, section 3.1.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.base.seeding import seed_for
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.network_facts import layers_of
from fidelity.classifiers.randomised import (
    draw_weights,
    estimate_statistics,
    noise,
    weights_digest,
)


@dataclass(frozen=True)
class Stage:
    """How many layers of a network are randomised.

    Attributes:
        depth: 1 = only the last layer (or all heads); the largest = the whole network.
        layer: dotted name of the randomised layer that is nearest to the input.
        modules: dotted names of all randomised layers.
        share: their share of the network's parameters, in (0, 1].
    """

    depth: int
    layer: str
    modules: tuple[str, ...]
    share: float


def stages_of(network: nn.Module, count: int) -> list[Stage]:
    """Divide a network into stages of randomisation; refuse one without parameters.

    Args:
        network: its modules must be in the order of registration. In the architectures of
            torchvision, timm and torchxrayvision, that is the order of computation.
        count: number of stages, 2 or more; fewer if the network has fewer layers with parameters.

    Returns:
        Stages from the last layer alone to the whole network, spaced evenly by layers with
        parameters (normalisations count as layers).
    """
    sizes = {
        name: sum(parameter.numel() for parameter in module.parameters(recurse=False))
        for name, module in network.named_modules()
    }
    layers = [(names, sum(sizes[name] for name in names)) for names in layers_of(network)]
    if not layers:
        raise InputError(
            "the network has no parameters that could be randomised",
            field="sanity",
            remedy="Leave `parameters` out of sanity.tests",
        )
    total = sum(size for _, size in layers)
    lengths = sorted({int(round(n)) for n in np.linspace(1, len(layers), min(count, len(layers)))})
    found = []
    for depth, length in enumerate(lengths, start=1):
        part = layers[len(layers) - length :]
        share = sum(size for _, size in part) / total
        names = tuple(name for group, _ in part for name in group)
        found.append(Stage(depth, names[0] or "whole network", names, share))
    return found


def cascade(
    classifier: Classifier, stages: Sequence[Stage], seed: int
) -> Iterator[tuple[Stage, Classifier]]:
    """Randomise copies of a classifier, which is in eval mode, stage by stage.

    A layer has the same random weights at all depths. Each trained network (each training seed) has
    its own random weights. The statistics of randomised batch normalisations are estimated from
    smooth noise that passes through the layers below them, as in the baseline `random_weights`. The
    trained statistics do not fit the new weights; with them, activations would explode or vanish.

    Yields:
        Each stage and a randomised copy on the classifier's device; the weights are drawn on the
        CPU.

    Raises:
        InputError: the outputs of a randomised network are not finite.
    """
    own = weights_digest(classifier)
    images = noise(classifier.image_size, seed_for(seed, "sanity", own))
    for stage in stages:
        twin = copy.deepcopy(classifier).cpu().eval()
        modules = dict(twin.network.named_modules())
        chosen = [modules[name] for name in stage.modules]
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            for name, module in zip(stage.modules, chosen, strict=True):
                torch.manual_seed(seed_for(seed, "sanity", own, name))
                draw_weights(module)
            estimate_statistics(twin, chosen, images)
            finite = torch.isfinite(twin(twin.preprocess(images))).all()
        if not finite:
            raise InputError(
                f"with random weights down to {stage.layer!r}, the outputs are not finite",
                field=f"classifiers ({classifier.architecture})",
                remedy="Give its layers an initialisation that keeps activations in range"
                " (reset_parameters), or leave `parameters` out of sanity.tests",
            )
        yield stage, twin.to(classifier.device)
