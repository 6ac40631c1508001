"""What hidden parts of an image look like, and which parts hiding changes at all."""

import cv2
import numpy as np

# Fong & Vedaldi 2017 (Interpretable explanations of black boxes by meaningful perturbation) blur
# with a Gaussian of 10 pixels at 224 pixels.
BLUR_SHARE = 10 / 224


def hidden_image(
    image: np.ndarray, hide: str | float, segments: np.ndarray | None = None
) -> np.ndarray:
    """Make the image of which every pixel is hidden.

    Args:
        image: uint8 (H, W).
        hide: `mean` (of the pixel's superpixel, as the package lime does by default; of the whole
            image where there are none), `blur` (a Gaussian of `BLUR_SHARE` of the longer side), or
            a grey value in [0, 1].
        segments: labels 0 … k-1, int (H, W).

    Returns:
        float32 (H, W) in [0, 1].
    """
    if hide == "blur":
        sigma = BLUR_SHARE * max(image.shape)
        blurred = cv2.GaussianBlur(image.astype(np.float64), (0, 0), sigma)
        return (blurred / 255).astype(np.float32)
    if hide != "mean":
        return np.full(image.shape, hide, np.float32)
    # Sums of whole numbers are exact: the mean of a flat part is its very value.
    labels = np.zeros(image.shape, int) if segments is None else segments
    totals = np.bincount(labels.ravel(), image.ravel().astype(np.float64))
    means = totals / np.bincount(labels.ravel())
    return (means / 255).astype(np.float32)[labels]


def unit_image(image: np.ndarray) -> np.ndarray:
    """Scale a working image, uint8, to float32 in [0, 1], as `hidden_image` rounds it."""
    return (image.astype(np.float64) / 255).astype(np.float32)


def live_superpixels(image: np.ndarray, hidden: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Find the superpixels that look different when hidden.

    The others (flat ones under `mean`, what is black outside the lung under 0) change no output, so
    they need no forward pass, and their attribution is exactly 0.

    Args:
        image: float32 (H, W).
        hidden: float32 (H, W), from `hidden_image`.
        segments: labels 0 … k-1, int (H, W).

    Returns:
        Their labels, ascending.
    """
    changed = np.bincount(segments.ravel(), (image != hidden).ravel())
    return np.flatnonzero(changed)
