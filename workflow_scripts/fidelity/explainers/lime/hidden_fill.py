"""Compute what replaces a superpixel that LIME hides."""

import cv2
import numpy as np

from fidelity.settings.explainers import HidesSuperpixels


def hidden_image(
    image: np.ndarray, segments: np.ndarray, settings: HidesSuperpixels, seed: int
) -> np.ndarray:
    """Hide every superpixel: float64 (H, W) in [0, 1]; perturbed images take parts of it.

    Args:
        image: uint8 (H, W).
        segments: labels 0 … k-1 (H, W).
        settings: `hide`: `mean` (of the superpixel); a grey value in [0, 1]; `blur` (Gaussian,
            `hide_sigma` pixels); `noise` (normal, with the image's mean and standard deviation); or
            `inpaint` (each superpixel filled from its surroundings, Telea 2004, within
            `hide_radius` pixels).
    """
    grey = image.astype(np.float64) / 255
    hide = settings.hide
    if hide == "mean":
        return _mean_of_superpixels(grey, segments)
    if hide == "blur":
        return cv2.GaussianBlur(grey, (0, 0), float(settings.hide_sigma))
    if hide == "noise":
        noise = np.random.default_rng(seed).normal(grey.mean(), grey.std(), grey.shape)
        return np.clip(noise, 0, 1)
    if hide == "inpaint":
        return _inpainted(image, segments, int(settings.hide_radius))
    return np.full(grey.shape, float(hide))


def _mean_of_superpixels(grey: np.ndarray, segments: np.ndarray) -> np.ndarray:
    # One np.mean per superpixel, as in the package: sums in another order round differently, and a
    # flat superpixel would no longer equal its mean exactly.
    out = np.empty_like(grey)
    for label in range(segments.max() + 1):
        inside = segments == label
        out[inside] = grey[inside].mean()
    return out


def _inpainted(image: np.ndarray, segments: np.ndarray, radius: int) -> np.ndarray:
    """Fill each superpixel separately, within a window around it."""
    out = np.empty_like(image)
    for label in range(segments.max() + 1):
        y, x = np.nonzero(segments == label)
        margin = 2 * radius + 1
        window = np.s_[
            max(0, y.min() - margin) : y.max() + margin + 1,
            max(0, x.min() - margin) : x.max() + margin + 1,
        ]
        hole = segments[window] == label
        if hole.all():  # the only superpixel is the whole image: nothing to fill it from
            out[y, x] = round(image.mean())
            continue
        patch = np.ascontiguousarray(image[window])
        filled = cv2.inpaint(patch, hole.astype(np.uint8), radius, cv2.INPAINT_TELEA)
        out[window][hole] = filled[hole]
    return out.astype(np.float64) / 255
