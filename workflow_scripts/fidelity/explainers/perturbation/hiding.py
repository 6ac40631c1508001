"""Find the parts of an image that hiding changes."""

import numpy as np


def unit_image(image: np.ndarray) -> np.ndarray:
    """Scale a working image, uint8, to float32 in [0, 1]."""
    return (image.astype(np.float64) / 255).astype(np.float32)


def live_superpixels(image: np.ndarray, hidden: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return the labels, ascending, of the superpixels that look different when hidden.

    The others change no output: flat superpixels under `mean`, or black ones outside the lung under
    0. They need no forward pass, and their attribution is exactly 0.

    Args:
        image: float32 (H, W).
        hidden: float32 (H, W), the image in which every superpixel is hidden.
        segments: labels 0 … k-1, int (H, W).
    """
    changed = np.bincount(segments.ravel(), (image != hidden).ravel())
    return np.flatnonzero(changed)
