"""Ceiling: a small U-Net trained on the reference masks of the training split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fidelity.base.compute import configure
from fidelity.base.training_state import EpochStore
from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.baselines.fitted import (
    annotated_cases,
    no_training_masks,
    read_fitted,
    write_fitted,
)
from fidelity.maps.pixel_frames import reference_in_frame
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.segmentation.unet import Examples, Segmenter, train_network
from fidelity.settings.explainers import Unet


def fit(
    train: Sequence[Path],
    val: Sequence[Path],
    settings: Unet,
    seed: int,
    compute: dict[str, Any],
    output: Path,
    code: str = "",
) -> None:
    """Train the U-Net on working images (`train_network`); refuse a split without reference masks.

    Args:
        val: prepared validation shards, used to choose the epoch.
        compute: threads and device; with these fixed, results are bit-identical on one type of CPU.
        code: digest of the training code; an interrupted training resumes if it is unchanged.
    """
    device = configure(compute)
    training, validation = read_examples(train), read_examples(val)
    classes = training.classes
    if not classes:
        raise no_training_masks()
    torch.manual_seed(seed)
    network = Segmenter(len(classes), settings.channels).to(device)
    store = EpochStore(output, code)
    train_network(network, training, validation.of_classes(classes), settings, seed, store)
    tensors = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    write_fitted(output, tensors, classes, settings.model_dump())
    store.clear()


def read_examples(shards: Sequence[Path]) -> Examples:
    """Read the annotated cases of shards, sorted by case so that sharding has no effect."""
    found = [
        (case.case, cls, case.image, reference_in_frame(case, cls, "working"))
        for case in annotated_cases(shards)
        for cls in case.references
    ]
    found.sort(key=lambda item: item[:2])
    classes = sorted({cls for _, cls, _, _ in found})
    if not found:
        empty = np.zeros((0, 1, 1))
        return Examples(empty.astype(np.uint8), empty.astype(bool), np.zeros(0, np.int64), [])
    return Examples(
        np.stack([image for _, _, image, _ in found]),
        np.stack([mask for _, _, _, mask in found]),
        np.array([classes.index(cls) for _, cls, _, _ in found]),
        classes,
    )


def make(context: Context, settings: Unet) -> Explain:
    """Give every case the probability of a lesion of its class at each pixel.

    Returns:
        A function from tasks to maps of kind `dense` at working size.
    """
    device = configure(context.compute)
    tensors, classes = read_fitted(context.fitted, context.method)
    network = Segmenter(len(classes), settings.channels)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    network.to(device).eval()

    @torch.no_grad()
    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        for task in tasks:
            if task.cls not in classes:
                raise ValueError(f"no training case has a reference mask of the class {task.cls!r}")
        images = np.stack([task.case.image for task in tasks])
        # A fixed batch size, because rounding depends on it.
        full = np.zeros((context.batch, *images.shape[1:]), np.uint8)
        full[: len(images)] = images
        probabilities = network(torch.from_numpy(full).to(device).float() / 255).sigmoid().cpu()
        return [
            Explanation(SaliencyMap("dense", part[classes.index(task.cls)].numpy()))
            for task, part in zip(tasks, probabilities, strict=False)
        ]

    return explain
