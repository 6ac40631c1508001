"""Otsu's threshold with filled contours, with exactly the same pixels as CheXlocalize's code."""

import cv2
import numpy as np

from fidelity.binarizations import otsu


def binarize(map01: np.ndarray) -> tuple[np.ndarray, float]:
    """Apply Otsu's threshold, drop single pixels and fill all contours.

    These are the steps of heatmap_to_segmentation.py in rajpurkarlab/cheXlocalize (Saporta et al.
    2022). Otsu's threshold is computed on uint8(255 · map), then contours of all levels are found.
    Each contour with more than one point is drawn as a filled polygon. Contours of holes are filled
    too, so no hole remains. Their code draws with Pillow; OpenCV fills the same pixels.

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
