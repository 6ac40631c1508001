"""Resize images to squares, the shape that networks take."""

import cv2
import numpy as np


def resize_square(values: np.ndarray, side: int) -> np.ndarray:
    """Resize (H, W) uint8 or float32 to a square of the same type.

    Axes that shrink are area-averaged; axes that grow are interpolated bilinearly.
    """
    height, width = values.shape
    values = np.ascontiguousarray(values)
    # OpenCV's area mode becomes bilinear as soon as one axis grows; the other axis would then
    # alias.
    for size, mode in (
        ((min(width, side), min(height, side)), cv2.INTER_AREA),
        ((side, side), cv2.INTER_LINEAR),
    ):
        if size != values.shape[::-1]:
            values = cv2.resize(values, size, interpolation=mode)
    return values


def resize_image(image: np.ndarray, side: int) -> np.ndarray:
    """Resize (H, W) uint8 or float32, values 0 … 255, to a square: (side, side) uint8, rounded."""
    image = resize_square(image, side)
    if image.dtype != np.uint8:
        image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return image
