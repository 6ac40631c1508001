"""The classifier as the rest of the project uses it: network, classes and preprocessing."""

from typing import Literal

import numpy as np
import torch
from torch import nn

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion

Activation = Literal["softmax", "sigmoid", "one_logit", "three_way"]
OutputValues = Literal["logits", "probabilities"]
# Network outputs per class, by activation; one_logit has one output for both classes.
STATES = {"softmax": 1, "sigmoid": 1, "three_way": 3}

# Statistics of ImageNet, as torchvision and timm use them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Classifier(nn.Module):
    """A network, the names of its classes, and how an X-ray becomes its input.

    Attributes:
        network: maps (n, channels, H, W) to (n, outputs).
        classes: model classes in the order of the logits; for `one_logit` (negative, positive).
        activation: `softmax` (classes exclude each other); `sigmoid` (classes are independent);
            `one_logit` (two classes, one output z of the network); or `three_way` (classes are
            independent, with one output each for negative, uncertain and positive).
        channels: channels the network expects; a grey image is repeated.
        mean: per channel, subtracted from values in [0, 1].
        std: per channel, by which values are divided.
        image_size: side of the square working image in pixels.
        output_values: what the network returns. If it returns `probabilities`, their log-odds are
            explained, and the classifier's probabilities are those of the network.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: str,
        classes: tuple[str, ...],
        activation: Activation = "softmax",
        channels: int = 3,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
        image_size: int = 224,
        output_values: OutputValues = "logits",
    ) -> None:
        """Wrap a network.

        Raises:
            InputError: the classes do not fit the activation, or mean and std do not fit the
                channels.
        """
        super().__init__()
        if activation not in ("one_logit", *STATES):
            raise InputError(
                f"unknown activation {activation!r}",
                field="activation",
                remedy=f"Use one of {', '.join(('one_logit', *STATES))}",
            )
        if activation == "one_logit" and len(classes) != 2:
            raise InputError(
                f"a head with one logit needs two classes, but there are {len(classes)}",
                field="head",
                remedy="Use head: softmax, or map the labels to two classes",
            )
        if len(mean) != channels or len(std) != channels:
            raise InputError(
                f"mean has {len(mean)} values and std has {len(std)}, but the network takes"
                f" {channels} channels",
                field="mean",
                remedy="Give one value per channel",
            )
        self.network = network
        self.architecture = architecture
        self.classes = tuple(classes)
        self.activation: Activation = activation
        self.channels = channels
        self.mean, self.std = tuple(mean), tuple(std)
        self.image_size = image_size
        self.output_values: OutputValues = output_values
        shape = (1, channels, 1, 1)
        self.register_buffer("_mean", torch.tensor(mean).reshape(shape), persistent=False)
        self.register_buffer("_std", torch.tensor(std).reshape(shape), persistent=False)

    @property
    def outputs(self) -> int:
        """Number of values that the network itself returns per image."""
        return outputs_of(self.activation, len(self.classes))

    @property
    def device(self) -> torch.device:
        """Device of the classifier."""
        return self._mean.device

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits.

        Args:
            x: (n, channels, H, W), preprocessed.

        Returns:
            (n, classes). With one logit z, the columns are (-z, z), so that explaining the negative
            class explains −z. `three_way` gives positive minus negative, whose sigmoid is the
            softmax over these two; Irvin et al. 2019 test their U-MultiClass models this way. For a
            network that returns probabilities, these are log-odds.
        """
        if self.activation == "three_way":
            states = self.states(x)
            return states[:, :, 2] - states[:, :, 0]
        out = self.network(x)
        if self.output_values == "probabilities":
            out = log_odds(_full(out), exclusive=self.activation == "softmax")
        if self.activation != "one_logit":
            return out
        z = out.reshape(-1, 1)
        return torch.cat([-z, z], dim=1)

    def states(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs of a `three_way` network for each class.

        Returns:
            (n, classes, 3): negative, uncertain, positive; logits or logarithms of probabilities.
        """
        out = self.network(x).reshape(len(x), len(self.classes), STATES["three_way"])
        if self.output_values == "probabilities":
            return _full(out).clamp(min=torch.finfo(torch.float32).tiny).log()
        return out

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Convert logits (n, classes) to probabilities (n, classes) in [0, 1]."""
        if self.activation == "softmax" and self.output_values == "logits":
            return logits.softmax(dim=1)
        return logits.sigmoid()

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Convert grey images (n, H, W) in [0, 1], on the classifier's device, to network input.

        Returns:
            Float tensor (n, channels, H, W), in channels-last layout.
        """
        normalised = (images.unsqueeze(1) - self._mean) / self._std
        return normalised.contiguous(memory_format=torch.channels_last)

    def preprocess(self, images: np.ndarray | torch.Tensor) -> torch.Tensor:
        """Convert working images to network input: float32 (n, channels, H, W), on the device.

        Args:
            images: uint8 (n, H, W), grey.

        Raises:
            ValueError: the images are not uint8 (n, H, W).
        """
        images = torch.as_tensor(images)
        if images.dtype != torch.uint8 or images.ndim != 3:
            raise ValueError(
                f"expected uint8 images (n, H, W), got {images.dtype} {tuple(images.shape)}"
            )
        return self.normalise(images.to(self.device).float() / 255)

    def index_of(self, name: str) -> int:
        """Return the column of a class; refuse an unknown class."""
        if name in self.classes:
            return self.classes.index(name)
        raise InputError(
            f"the classifier has no class {name!r}",
            field="classes",
            remedy=suggestion(name, self.classes, "Its classes"),
        )


def outputs_of(activation: Activation, classes: int) -> int:
    """Return the number of values that a network returns per image."""
    return 1 if activation == "one_logit" else classes * STATES[activation]


def log_odds(probabilities: torch.Tensor, exclusive: bool) -> torch.Tensor:
    """Convert probabilities to finite log-odds (n, outputs), whose sigmoid is the probability.

    Args:
        probabilities: (n, outputs) in [0, 1].
        exclusive: whether classes exclude each other. If so, and a row sums to 1, the probabilities
            of the other classes are summed. This keeps digits that 1 - p loses near p = 1.
    """
    info = torch.finfo(probabilities.dtype)
    rest = (1 - probabilities).clamp(min=info.eps / 2)  # no values exist between this and 0
    if exclusive:
        apart = 1 - torch.eye(probabilities.shape[1]).to(probabilities)
        sums_to_one = (probabilities.sum(dim=1, keepdim=True) - 1).abs() < 1e-3
        rest = torch.where(sums_to_one, (probabilities @ apart).clamp(min=info.tiny), rest)
    return probabilities.clamp(min=info.tiny).log() - rest.log()


def _full(values: torch.Tensor) -> torch.Tensor:
    """Convert half precision to single precision, because 1 - p has only two digits in half."""
    return values if values.dtype == torch.float64 else values.float()
