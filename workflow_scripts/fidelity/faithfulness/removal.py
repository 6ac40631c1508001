"""Which pixels are removed first, and what replaces them."""

from typing import Literal

import cv2
import numpy as np
import torch

from fidelity.metrics.ties import places

Fill = Literal["black", "mean", "blur"]
# As a share of the image's side: wide enough that no lesion stays visible (RISE: 11 of 224 px).
BLUR = 0.05
# Standard deviation of ROAD's noise, in grey values in [0, 1]. The package uses .01 in normalised
# values; one unit of these is about .22 in grey values.
ROAD_NOISE = 0.0022


def ranked_pixels(values: np.ndarray) -> np.ndarray:
    """Order the pixels of signed attributions (H, W) from the most relevant to the least.

    Returns:
        Flat indices. Pixels of equal value are in the shuffled order that all metrics share.
        Otherwise LIME's superpixels would be removed from the top to the bottom of the image.
    """
    return np.lexsort((places(values.shape).reshape(-1), -values.reshape(-1).astype(np.float64)))


def background(image: np.ndarray, fill: Fill) -> np.ndarray:
    """Make the image whose pixels replace the removed ones: float32 (H, W) in [0, 1].

    Args:
        image: grey (H, W) in [0, 1].
        fill: `black`, `mean` (the mean of the image) or `blur` (Gaussian; its standard deviation is
            a twentieth of the side).

    Raises:
        ValueError: the fill is unknown.
    """
    image = image.astype(np.float32)
    if fill == "black":
        return np.zeros_like(image)
    if fill == "mean":
        return np.full_like(image, image.mean())
    if fill == "blur":
        sigma = BLUR * image.shape[0]
        return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    raise ValueError(f"unknown fill {fill!r}")


def replaced(image: np.ndarray, other: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return a copy of the image; some pixels (flat indices or a mask) come from another image."""
    out = image.astype(np.float32).copy()
    if pixels.dtype == np.bool_:
        out[pixels] = other[pixels]
    else:
        out.reshape(-1)[pixels] = other.reshape(-1)[pixels]
    return out


def imputed(image: np.ndarray, pixels: np.ndarray, seed: int, noise: float) -> np.ndarray:
    """Fill pixels from their neighbours (ROAD's noisy linear imputation, by pytorch-grad-cam).

    Args:
        image: grey (H, W) in [0, 1].
        pixels: flat indices of the removed pixels.

    Returns:
        float32 (H, W).
    """
    if len(pixels) == 0:
        return image.astype(np.float32)
    # Imported here, not above: it takes two seconds, and only ROAD needs it.
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    kept = np.ones(image.size, np.float32)
    kept[pixels] = 0
    # The package draws from torch's global generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        filled = NoisyLinearImputer(noise=noise)(
            torch.from_numpy(image.astype(np.float32))[None],
            torch.from_numpy(kept.reshape(image.shape)),
        )
    return filled[0].numpy()
