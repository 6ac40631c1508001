"""Otsu's threshold of each map (Otsu 1979), as OpenCV computes it."""

import cv2
import numpy as np


def binarize(map01: np.ndarray) -> tuple[np.ndarray, float]:
    """Keep the pixels above the grey level that best separates two groups.

    The level is computed on uint8(255 · map), rounded down. The mask is strictly above it, as in
    CheXlocalize's code. That code then fills contours, which is the separate rule
    `chexlocalize_otsu`.

    Args:
        map01: float32 (H, W) in [0, 1].

    Returns:
        Boolean (H, W) and the threshold: the highest value that was left out. The mask is thus
        exactly `map01 > threshold`, without the rounding to grey levels.
    """
    grey = (map01 * np.float32(255)).astype(np.uint8)
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = grey > level
    return mask, float(map01[~mask].max(initial=0.0))
