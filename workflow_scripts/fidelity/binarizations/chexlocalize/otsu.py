"""Otsu's threshold with its contours filled, pixel by pixel as CheXlocalize's code does it."""

import cv2
import numpy as np

from fidelity.binarizations import otsu


def binarize(map01: np.ndarray) -> tuple[np.ndarray, float]:
    """Keep what Otsu's threshold keeps, drop single pixels and fill all contours.

    The steps of heatmap_to_segmentation.py in rajpurkarlab/cheXlocalize (Saporta et al. 2022): Otsu
    on uint8(255 · map), then contours of all levels. Each contour with more than one point is drawn
    as a filled polygon. Contours of holes are filled like the others, so no hole is left. Their
    code draws with Pillow; OpenCV fills the same pixels.

    Args:
        map01: float32 (H, W) in [0, 1].

    Returns:
        Boolean (H, W) and Otsu's threshold of this map; filled pixels may lie below it.
    """
    mask, threshold = otsu.binarize(map01)
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros(mask.shape, np.uint8)
    for contour in contours:
        if len(contour) > 1:
            cv2.drawContours(filled, [contour], -1, 1, cv2.FILLED)
    return filled.view(bool), threshold
