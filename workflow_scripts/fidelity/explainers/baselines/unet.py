"""Ceiling: a small U-Net trained on the reference masks of the training split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.networks.nets import UNet
from torch.nn import functional

from fidelity.compute import configure
from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.baselines.fitted import no_training_masks, read_fitted, write_fitted
from fidelity.explainers.baselines.unet_training import read_examples, train_network
from fidelity.maps import SaliencyMap

LEVELS = 5
FACTOR = 2 ** (LEVELS - 1)  # sides that the network can halve and double without a remainder


class Segmenter(torch.nn.Module):
    """MONAI's U-Net with residual units, for images of any size.

    MONAI's own last level has as many channels as there are classes, at full resolution; on one or
    two classes that starves it. Here it keeps its features, and a 1×1 convolution reads them.
    """

    def __init__(self, outputs: int, channels: int) -> None:
        """Build it.

        Args:
            outputs: number of classes.
            channels: of the first level; each further level doubles them.
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
        """Turn grey images (n, H, W) in 0 … 1 into logits (n, outputs, H, W)."""
        height, width = images.shape[1:]
        x = (images[:, None] - 0.5) / 0.25
        x = functional.pad(x, (0, -width % FACTOR, 0, -height % FACTOR), mode="replicate")
        return self.head(self.network(x))[..., :height, :width]


def fit(
    train: Sequence[Path],
    val: Sequence[Path],
    settings: dict[str, Any],
    seed: int,
    compute: dict[str, Any],
    output: Path,
) -> None:
    """Train the U-Net on working images; see `unet_training.train_network`.

    Args:
        train: prepared training shards.
        val: prepared validation shards; they choose the epoch.
        settings: epochs, channels (of the first level), learning_rate, batch.
        seed: the config's seed.
        compute: threads and device; with these fixed, equal to the bit on one type of CPU.
        output: the file.

    Raises:
        InputError: no training case has a reference mask.
    """
    device = configure(compute)
    training, validation = read_examples(train), read_examples(val)
    classes = training.classes
    if not classes:
        raise no_training_masks()
    torch.manual_seed(seed)
    network = Segmenter(len(classes), settings["channels"]).to(device)
    train_network(network, training, validation.of_classes(classes), settings, seed)
    tensors = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    write_fitted(output, tensors, classes, settings)


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Answer every case with the probability of a lesion of its class at each pixel.

    Args:
        context: fitted, compute and batch size.
        settings: channels.

    Returns:
        A function from tasks to maps of kind `dense` at working size.
    """
    device = configure(context.compute)
    tensors, classes = read_fitted(context.fitted, context.method)
    network = Segmenter(len(classes), settings["channels"])
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    network.to(device).eval()

    @torch.no_grad()
    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        for task in tasks:
            if task.cls not in classes:
                raise ValueError(f"no training case has a reference mask of the class {task.cls!r}")
        images = np.stack([task.case.image for task in tasks])
        # A fixed batch size: kernels round by batch size.
        full = np.zeros((context.batch, *images.shape[1:]), np.uint8)
        full[: len(images)] = images
        probabilities = network(torch.from_numpy(full).to(device).float() / 255).sigmoid().cpu()
        return [
            Explanation(SaliencyMap("dense", part[classes.index(task.cls)].numpy()))
            for task, part in zip(tasks, probabilities, strict=False)
        ]

    return explain
