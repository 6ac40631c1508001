"""Post-process predicted masks, with the same settings for all explainers to keep them comparable.

The order is that of the original LIME study: lung restriction, then median blur. The clean-up of
shapes follows: opening, hole filling, removal of small components. A blur after the restriction may
extend a few pixels over the lung's edge, and a filled hole may lie beyond it.
"""

import cv2
import numpy as np
import scipy

from fidelity.base.errors import InputError
from fidelity.settings.binarizations import Postprocess

# Steps that treat every pixel separately. If only these are used, masks of all thresholds can be
# scored from one sort of the map.
POINTWISE = frozenset({"lung"})
STEPS = ("lung", "median", "opening", "fill_holes", "min_component")


def postprocess(mask: np.ndarray, lung: np.ndarray | None, settings: Postprocess) -> np.ndarray:
    """Apply the configured steps to a mask; return a new boolean array (H, W).

    Args:
        mask: boolean (H, W).
        lung: lung mask of the same shape; None if the data set has none.
        settings: the steps; these fields are used:

            - `lung`: whether to restrict the mask to the lung.
            - `median`: odd side of a median blur in px; 0 for no blur.
            - `opening`: radius in px of the disc of a morphological opening; 0 for no opening.
            - `fill_holes`: whether to fill regions that are not connected to the image's border
              over edges of pixels.
            - `min_component`: minimum size of an 8-connected component, in pixels, or below 1 as a
              share of the image area; 0 keeps all.

    Raises:
        InputError: lung restriction without a lung mask.
    """
    result = mask.copy()
    if settings.lung:
        result &= checked_lung(lung)
    if side := settings.median:
        result = _median(result, side)
    if radius := settings.opening:
        result = _opening(result, radius)
    if settings.fill_holes:
        result = scipy.ndimage.binary_fill_holes(result)
    if least := settings.min_component:
        result = _without_small(result, least)
    return result


def is_pointwise(settings: Postprocess) -> bool:
    """Check whether the settings treat every pixel separately."""
    return not any(getattr(settings, step) for step in STEPS if step not in POINTWISE)


def checked_lung(lung: np.ndarray | None) -> np.ndarray:
    """Return the lung mask; refuse a restriction without one."""
    if lung is None:
        raise InputError(
            "maps and masks cannot be restricted to the lung, because the case has no lung mask",
            field="postprocess.lung",
            remedy="Set it to false, or use a data set with lung masks",
        )
    return lung


def _median(mask: np.ndarray, side: int) -> np.ndarray:
    """Apply a majority filter in a square; border pixels are repeated beyond the image."""
    return cv2.medianBlur(mask.view(np.uint8), side).view(bool)


def _opening(mask: np.ndarray, radius: int) -> np.ndarray:
    """Remove parts that do not contain the disc; the image border erodes nothing."""
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = (rows**2 + columns**2 <= radius**2).astype(np.uint8)
    return cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, disc).view(bool)


def _without_small(mask: np.ndarray, least: float) -> np.ndarray:
    """Remove 8-connected components below `least` pixels (if below 1: share of the image)."""
    pixels = least * mask.size if least < 1 else least
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= pixels
    keep[0] = False
    return keep[labels]
