"""Baseline images, which contain no information: the starting points of path methods."""

import numpy as np
import torch

# Standard deviation of baseline `blur` as a share of the image's side: about 11 px of 224.
BLUR = 0.05


def baseline(grey: torch.Tensor, kind: str) -> torch.Tensor:
    """Make the baseline of each image: float (b, H, W) in [0, 1].

    Args:
        grey: float (b, H, W) in [0, 1].
        kind: `black` (0); `mean` (each image's mean grey value everywhere); or `blur` (each image
            blurred by a Gaussian whose standard deviation is a twentieth of its side).
    """
    if kind == "black":
        return torch.zeros_like(grey)
    if kind == "mean":
        return grey.mean((1, 2), keepdim=True).expand_as(grey)
    if kind == "blur":
        return blurred(grey, BLUR * grey.shape[-1])
    raise ValueError(f"unknown baseline {kind!r}")


def blurred(grey: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur images (b, H, W) by a Gaussian; sigma in pixels, mirrored at the border."""
    radius = min(int(np.ceil(3 * sigma)), min(grey.shape[1:]) - 1)
    offsets = torch.arange(-radius, radius + 1, device=grey.device, dtype=grey.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).reshape(1, 1, 1, -1)
    padded = torch.nn.functional.pad(grey[:, None], (radius,) * 4, mode="reflect")
    rows = torch.nn.functional.conv2d(padded, kernel)
    return torch.nn.functional.conv2d(rows, kernel.mT)[:, 0].clamp(0, 1)


class CaseNoise:
    """Random numbers of a batch: one stream per image, independent of the rest of the batch."""

    def __init__(self, seeds: tuple[int, ...], device: torch.device) -> None:
        """Start the streams.

        Args:
            device: of the returned tensors. Numbers are drawn on the CPU, so they are the same
                everywhere.
        """
        self._streams = [np.random.default_rng(seed) for seed in seeds]
        self._device = device

    def normal(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Draw standard normal values, float32 (b, *shape)."""
        return self._stack([rng.standard_normal(shape, np.float32) for rng in self._streams])

    def uniform(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Draw uniform values from [0, 1), float32 (b, *shape)."""
        return self._stack([rng.random(shape, np.float32) for rng in self._streams])

    def _stack(self, arrays: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays)).to(self._device)


def value_range(grey: torch.Tensor) -> torch.Tensor:
    """Return each image's range of grey values, (b, 1, 1)."""
    return grey.amax((1, 2), keepdim=True) - grey.amin((1, 2), keepdim=True)
