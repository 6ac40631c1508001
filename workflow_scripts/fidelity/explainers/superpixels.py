"""Superpixels of a working image, shared by LIME and its null baseline."""

from typing import Any

import numpy as np
from skimage.segmentation import felzenszwalb, quickshift, slic


def rgb_image(image: np.ndarray) -> np.ndarray:
    """Give a grey working image the three channels that LIME works on.

    Args:
        image: uint8 (H, W).

    Returns:
        float64 (H, W, 3) in [0, 1].
    """
    return np.repeat(image[..., None].astype(np.float64) / 255, 3, axis=2)


def segment(image: np.ndarray, settings: dict[str, Any], seed: int) -> np.ndarray:
    """Split an image into superpixels.

    Args:
        image: float (H, W, 3) in [0, 1].
        settings: `algorithm` (quickshift, slic or felzenszwalb) and its parameters as
            scikit-image names them.
        seed: for quickshift's tie-breaking noise. lime 0.2.0.1 hands its own seed on under a name
            that scikit-image no longer has, so there it is dropped without a word.

    Returns:
        Label image (H, W), int, labels 0 … k-1 without gaps: the lime package counts labels and
        then compares with 0 … k-1, so SLIC's default start at 1 would shift every superpixel.
    """
    parameters = dict(settings)
    algorithm = parameters.pop("algorithm")
    if algorithm == "quickshift":
        labels = quickshift(image, rng=seed, **parameters)
    elif algorithm == "slic":
        labels = slic(image, start_label=0, **parameters)
    elif algorithm == "felzenszwalb":
        labels = felzenszwalb(image, **parameters)
    else:
        raise ValueError(f"unknown segmentation algorithm {algorithm!r}")
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
