"""Post-processing of predicted masks: one setting for all explainers, or they cannot be compared.

The order is that of the original LIME study: lung restriction, then median blur. The clean-up of
shapes follows: opening, filling of holes, removal of small components. A blur after the
restriction may round a few pixels over the lung's edge, and a filled hole may cover them.
"""

import cv2
import numpy as np
import scipy

from fidelity.base.errors import InputError
from fidelity.settings.binarizations import Postprocess

# Steps that treat every pixel by itself: with these alone, masks of all thresholds can be scored
# from one sort of the map.
POINTWISE = frozenset({"lung"})
STEPS = ("lung", "median", "opening", "fill_holes", "min_component")


def postprocess(mask: np.ndarray, lung: np.ndarray | None, settings: Postprocess) -> np.ndarray:
    """Apply the configured steps to a mask.

    Args:
        mask: boolean (H, W).
        lung: lung mask of the same shape; None where the data set has none.
        settings: the steps. Used are

            - `lung`: whether to restrict to the lung.
            - `median`: odd side of a median blur in px; 0 = none.
            - `opening`: radius in px of the disc of a morphological opening; 0 = none.
            - `fill_holes`: whether to fill what cannot be reached from the image's border over
              edges of pixels.
            - `min_component`: smallest 8-connected component that is kept, in pixels, or below 1
              as a share of the image area; 0 = all.

    Returns:
        Boolean (H, W), a new array.

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
    """Check whether the settings treat every pixel by itself."""
    return not any(getattr(settings, step) for step in STEPS if step not in POINTWISE)


def checked_lung(lung: np.ndarray | None) -> np.ndarray:
    """Return the lung mask that a restriction needs.

    Raises:
        InputError: there is none.
    """
    if lung is None:
        raise InputError(
            "masks cannot be restricted to the lung: there is no lung mask",
            field="postprocess.lung",
            remedy="Set it to false, or use a data set with lung masks",
        )
    return lung


def _median(mask: np.ndarray, side: int) -> np.ndarray:
    """Blur by the majority in a square; beyond the image the border pixels are repeated."""
    return cv2.medianBlur(mask.view(np.uint8), side).view(bool)


def _opening(mask: np.ndarray, radius: int) -> np.ndarray:
    """Remove what no disc fits into; beyond the image is as inside: the border erodes nothing."""
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = (rows**2 + columns**2 <= radius**2).astype(np.uint8)
    return cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, disc).view(bool)


def _without_small(mask: np.ndarray, least: float) -> np.ndarray:
    """Remove the 8-connected components below `least` pixels (below 1: share of the image)."""
    pixels = least * mask.size if least < 1 else least
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= pixels
    keep[0] = False
    return keep[labels]
