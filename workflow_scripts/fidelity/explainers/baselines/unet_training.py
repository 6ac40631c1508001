"""Training of the U-Net that is the ceiling."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.losses import DiceCELoss

from fidelity.classifiers.augment import augment
from fidelity.errors import InputError
from fidelity.explainers.baselines.fitted import annotated_cases
from fidelity.frames import reference_in_frame
from fidelity.seeding import seed_for

log = logging.getLogger(__name__)

# The same movement for image and mask; grey values of the image alone.
MOVEMENT = {"flip": 0.5, "rotation": 10.0, "translation": 0.05, "scale": 0.1}
GREY = {"brightness": 0.1, "contrast": 0.1}


@dataclass(frozen=True)
class Examples:
    """Images with one mask each; a case with masks of two classes stands here twice.

    Attributes:
        images: (n, S, S) uint8.
        masks: (n, S, S) bool, at working size.
        index: (n,) which of `classes` the mask is of.
        classes: source classes.
    """

    images: np.ndarray
    masks: np.ndarray
    index: np.ndarray
    classes: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def of_classes(self, classes: list[str]) -> "Examples":
        """Keep the examples of some classes and count these in their order."""
        names = [self.classes[i] for i in self.index]
        kept = [number for number, name in enumerate(names) if name in classes]
        index = np.array([classes.index(names[number]) for number in kept], dtype=np.int64)
        return Examples(self.images[kept], self.masks[kept], index, classes)


def read_examples(shards: Sequence[Path]) -> Examples:
    """Read the annotated cases of shards, sorted by case so that sharding changes nothing."""
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


def train_network(
    network: torch.nn.Module,
    training: Examples,
    validation: Examples,
    settings: Mapping[str, Any],
    seed: int,
) -> None:
    """Train with Adam, cosine learning rate, and the sum of Dice loss and cross-entropy.

    An example teaches the channel of its own class alone: where a class is not annotated, the
    absence of a mask says nothing.

    Args:
        network: from images (n, S, S) in 0 … 1 to logits (n, classes, S, S), on its device;
            changed in place. It ends in the epoch of the best validation Dice, or the last one
            where there is no validation case.
        training: at least one example.
        validation: may be empty.
        settings: epochs, learning_rate, batch.
        seed: of order and augmentation.

    Raises:
        InputError: the loss is no longer finite.
    """
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed_for(seed, "unet"))
    criterion = DiceCELoss(sigmoid=True, batch=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"])
    epochs, batch = settings["epochs"], settings["batch"]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    best_dice, best_state = -math.inf, None
    for epoch in range(1, epochs + 1):
        network.train()
        total = 0.0
        parts = list(torch.randperm(len(training), generator=generator).split(batch))
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts.pop()  # batch normalisation may have no variance over a single image
        for part in parts:
            images, masks = _varied(training, part.numpy(), generator)
            logits = _own_channel(network(images.to(device)), training.index[part.numpy()])
            loss = criterion(logits[:, None], masks.to(device)[:, None])
            if not torch.isfinite(loss):
                raise InputError(
                    "the U-Net's training loss is not finite",
                    field="explainers.learning_rate",
                    remedy="Lower the learning rate",
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(part)
        schedule.step()
        dice = mean_dice(network, validation, batch)
        log.info(
            "epoch %d: loss %.4f, validation Dice %.4f", epoch, total / sum(map(len, parts)), dice
        )
        if dice > best_dice:
            best_dice = dice
            best_state = {k: v.detach().clone() for k, v in network.state_dict().items()}
    if best_state is None:
        log.warning("no validation case with a reference mask: the last epoch is kept")
    else:
        network.load_state_dict(best_state)
    network.eval()


@torch.no_grad()
def mean_dice(network: torch.nn.Module, examples: Examples, batch: int) -> float:
    """Measure the mean Dice of masks at probability ½; 1 where both are empty, NaN for none."""
    network.eval()
    device = next(network.parameters()).device
    scores = []
    for start in range(0, len(examples), batch):
        part = slice(start, start + batch)
        images = torch.from_numpy(examples.images[part]).to(device).float() / 255
        predicted = (_own_channel(network(images), examples.index[part]) > 0).cpu().numpy()
        masks = examples.masks[part]
        both = (predicted & masks).sum(axis=(1, 2))
        sizes = predicted.sum(axis=(1, 2)) + masks.sum(axis=(1, 2))
        scores += list(np.where(sizes > 0, 2 * both / np.maximum(sizes, 1), 1.0))
    return float(np.mean(scores)) if scores else math.nan


def _own_channel(logits: torch.Tensor, index: np.ndarray) -> torch.Tensor:
    """Pick each example's class: (n, classes, S, S) to (n, S, S)."""
    return logits[torch.arange(len(logits)), torch.from_numpy(index)]


def _varied(
    examples: Examples, part: np.ndarray, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move and shade images, and move their masks with them."""
    state = generator.get_state()
    images = torch.from_numpy(examples.images[part]).float() / 255
    images = augment(images, MOVEMENT | GREY, generator)
    # `augment` draws the same numbers whatever is switched on: the same movement again.
    again = torch.Generator()
    again.set_state(state)
    masks = augment(torch.from_numpy(examples.masks[part]).float(), MOVEMENT, again)
    return images, (masks > 0.5).float()
