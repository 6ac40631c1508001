"""Superpixels of a working image, shared by LIME and its null baseline."""

import numpy as np
from skimage.segmentation import felzenszwalb, quickshift, slic

from fidelity.base.errors import InputError
from fidelity.settings.superpixels import Superpixels


def rgb_image(image: np.ndarray) -> np.ndarray:
    """Repeat a grey working image over LIME's three channels: float64 (H, W, 3) in [0, 1].

    Args:
        image: uint8 (H, W).
    """
    return np.repeat(image[..., None].astype(np.float64) / 255, 3, axis=2)


def segment(
    image: np.ndarray, settings: Superpixels, seed: int, lung: np.ndarray | None = None
) -> np.ndarray:
    """Split an image into superpixels; refuse `slic_lung` without a lung.

    Args:
        image: float (H, W, 3) in [0, 1].
        seed: for quickshift's tie-breaking noise. In lime 0.2.0.1 the seed has no effect, because
            it is passed under a name that scikit-image no longer has.
        lung: boolean (H, W), for `slic_lung`: SLIC inside it, and one superpixel for all the rest.

    Returns:
        Label image (H, W), int, labels 0 … k-1 without gaps. The package lime counts labels and
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
    elif algorithm == "slic_lung":
        if lung is None or not lung.any():
            raise InputError(
                "slic_lung needs a lung mask, but the case has none",
                field="superpixels.algorithm",
                remedy="Use slic, or give the data set lung masks",
            )
        labels = slic(image, start_label=1, mask=lung.astype(bool), **parameters)
    elif algorithm == "grid":
        labels = _grid(image.shape[:2], **parameters)
    else:
        raise ValueError(f"unknown segmentation algorithm {algorithm!r}")
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def _grid(shape: tuple[int, int], cells: int) -> np.ndarray:
    """Label the cells of a grid with `cells` cells per side."""
    row, column = (np.arange(side) * cells // side for side in shape)
    return row[:, None] * cells + column
