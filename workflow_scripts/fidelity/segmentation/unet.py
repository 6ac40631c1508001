"""A small U-Net and its training, for images with masks of lesions or lungs."""

import logging
import math
from dataclasses import dataclass

import numpy as np
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from torch.nn import functional

from fidelity.base.errors import InputError
from fidelity.base.seeding import seed_for
from fidelity.base.training_state import EpochStore
from fidelity.classifiers.single_images import in_words
from fidelity.classifiers.training.augment import augment, move_masks
from fidelity.settings.classifiers import Augmentation
from fidelity.settings.config import LungModel
from fidelity.settings.explainers import Unet

log = logging.getLogger(__name__)

LEVELS = 5
FACTOR = 2 ** (LEVELS - 1)  # sides that can be halved and doubled without remainder
AUGMENTATION = Augmentation(
    flip=0.5, rotation=10.0, translation=0.05, scale=0.1, brightness=0.1, contrast=0.1
)


class Segmenter(torch.nn.Module):
    """MONAI's U-Net with residual units, for images of any size.

    In MONAI's U-Net, the last level has as many channels as there are classes, at full resolution.
    One or two channels are too few features. Here the last level keeps its features, and a 1×1
    convolution turns them into logits.
    """

    def __init__(self, outputs: int, channels: int) -> None:
        """Build the network.

        Args:
            channels: channels of the first level; each further level doubles them.
        """
        super().__init__()
        self.network = UNet(
            spatial_dims=2,
            in_channels=1,
            out_channels=channels,
            channels=[channels * 2**level for level in range(LEVELS)],
            strides=[2] * (LEVELS - 1),
            num_res_units=2,
            norm="batch",
        )
        self.head = torch.nn.Conv2d(channels, outputs, kernel_size=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute logits (n, outputs, H, W) of grey images (n, H, W) in 0 … 1."""
        height, width = images.shape[1:]
        x = (images[:, None] - 0.5) / 0.25
        x = functional.pad(x, (0, -width % FACTOR, 0, -height % FACTOR), mode="replicate")
        return self.head(self.network(x))[..., :height, :width]


@dataclass(frozen=True)
class Examples:
    """Images with one mask each; a case with masks of two classes appears twice.

    Attributes:
        images: (n, S, S) uint8.
        masks: (n, S, S) bool, at working size.
        index: (n,) position in `classes` of the mask's class.
        classes: names; for the ceiling, these are source classes.
    """

    images: np.ndarray
    masks: np.ndarray
    index: np.ndarray
    classes: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def of_classes(self, classes: list[str]) -> "Examples":
        """Keep the examples of some classes; `index` refers to these classes in their order."""
        names = [self.classes[i] for i in self.index]
        kept = [number for number, name in enumerate(names) if name in classes]
        index = np.array([classes.index(names[number]) for number in kept], dtype=np.int64)
        return Examples(self.images[kept], self.masks[kept], index, classes)


def train_network(
    network: torch.nn.Module,
    training: Examples,
    validation: Examples,
    settings: LungModel | Unet,
    seed: int,
    store: EpochStore | None = None,
) -> None:
    """Train with Adam, cosine learning rate, and the sum of Dice loss and cross-entropy.

    An example trains only the channel of its own class. If a class is not annotated, a missing mask
    does not mean that the class is absent.

    Args:
        network: from images (n, S, S) in 0 … 1 to logits (n, classes, S, S), on its device. It is
            changed in place. It ends with the weights of the epoch of the best validation
            Dice, or of the last epoch if there is no validation case.
        training: at least one example.
        validation: may be empty.
        settings: epochs, learning_rate, batch.
        seed: seed of the order of examples and of the augmentation.
        store: as in `classifiers.training.train`.

    Raises:
        InputError: the loss is no longer finite.
    """
    generator = torch.Generator().manual_seed(seed_for(seed, "unet"))
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    epochs, batch = settings.epochs, settings.batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    best_dice, best_state, done = -math.inf, None, 0
    store = store or EpochStore()
    saved = store.load(
        dict(settings), seed, network.state_dict(),
        *(part for examples in (training, validation)
          for part in (examples.images, examples.masks, examples.index, examples.classes)),
    )  # fmt: skip
    if saved is not None:
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        generator.set_state(saved["generator"])
        best_dice, best_state, done = saved["best_dice"], saved["best"], saved["epoch"]
        log.info("training resumes after epoch %d", done)
    for epoch in range(done + 1, epochs + 1):
        loss = _epoch(network, training, batch, optimizer, generator)
        schedule.step()
        dice = mean_dice(network, validation, batch)
        log.info("epoch %d: loss %.4f, validation Dice %.4f", epoch, loss, dice)
        if dice > best_dice:
            best_dice = dice
            best_state = {k: v.detach().clone() for k, v in network.state_dict().items()}
        store.save(
            {
                "epoch": epoch,
                "best_dice": best_dice,
                "best": best_state,
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "generator": generator.get_state(),
            }
        )
    if best_state is None:
        log.warning(
            "no validation case has a reference mask, so the weights of the last epoch are kept"
        )
    else:
        network.load_state_dict(best_state)
    network.eval()


def _epoch(
    network: torch.nn.Module,
    training: Examples,
    batch: int,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> float:
    """Train on every example once; return the mean loss."""
    device = next(network.parameters()).device
    criterion = DiceCELoss(sigmoid=True, batch=True)
    network.train()
    total = 0.0
    parts = list(torch.randperm(len(training), generator=generator).split(batch))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts.pop()  # batch normalisation can fail on a single image
    for part in parts:
        images, masks = _varied(training, part.numpy(), generator)
        with in_words(len(training), batch, "batch"):
            logits = _own_channel(network(images.to(device)), training.index[part.numpy()])
        loss = criterion(logits[:, None], masks.to(device)[:, None])
        if not torch.isfinite(loss):
            raise InputError(
                "the U-Net's training loss is not finite",
                field="learning_rate",
                remedy="Lower the learning rate",
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(part)
    return total / sum(map(len, parts))


@torch.no_grad()
def mean_dice(network: torch.nn.Module, examples: Examples, batch: int) -> float:
    """Compute the mean Dice at probability ½: 1 if both masks are empty, NaN without examples."""
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
    """Select the channel of each example's class: (n, classes, S, S) to (n, S, S)."""
    return logits[torch.arange(len(logits)), torch.from_numpy(index)]


def _varied(
    examples: Examples, part: np.ndarray, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Augment images, and move their masks with them."""
    masks = torch.from_numpy(examples.masks[part])
    masks = move_masks(masks, AUGMENTATION, generator.get_state())
    images = torch.from_numpy(examples.images[part]).float() / 255
    return augment(images, AUGMENTATION, generator), masks
