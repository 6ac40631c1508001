"""Post-processing of predicted masks: one setting for all explainers, or they cannot be compared.

The order is that of the original LIME study: lung restriction, then median blur. The clean-up of
shapes follows: opening, filling of holes, removal of small components. A blur after the
restriction may round a few pixels over the lung's edge, and a filled hole may cover them.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import scipy

from fidelity.base.errors import InputError

# Steps that treat every pixel by itself: with these alone, masks of all thresholds can be scored
# from one sort of the map.
POINTWISE = frozenset({"lung"})
STEPS = ("lung", "median", "opening", "fill_holes", "min_component")


def postprocess(
    mask: np.ndarray, lung: np.ndarray | None, settings: Mapping[str, Any]
) -> np.ndarray:
    """Apply the configured steps to a mask.

    Args:
        mask: boolean (H, W).
        lung: lung mask of the same shape; None where the data set has none.
        settings: a step that is left out is off; other keys are ignored.

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
        InputError: lung restriction without a lung mask, or a setting is out of its range.
    """
    result = mask.copy()
    if settings.get("lung", False):
        result &= checked_lung(lung)
    if side := settings.get("median", 0):
        result = _median(result, side)
    if radius := settings.get("opening", 0):
        result = _opening(result, radius)
    if settings.get("fill_holes", False):
        result = scipy.ndimage.binary_fill_holes(result)
    if least := settings.get("min_component", 0):
        result = _without_small(result, least)
    return result


def is_pointwise(settings: Mapping[str, Any]) -> bool:
    """Check whether the settings treat every pixel by itself."""
    return not any(settings.get(step, 0) for step in STEPS if step not in POINTWISE)


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
    if side < 0 or side % 2 == 0:
        raise InputError(
            f"the side of the median blur must be odd or 0, got {side}",
            field="postprocess.median",
            remedy="Use an odd number of pixels, or 0 for none",
        )
    return cv2.medianBlur(mask.view(np.uint8), side).view(bool)


def _opening(mask: np.ndarray, radius: int) -> np.ndarray:
    """Remove what no disc fits into; beyond the image is as inside, so the border erodes nothing.

    Raises:
        InputError: the radius is negative.
    """
    if radius < 0:
        raise InputError(
            f"the radius of the opening must not be negative, got {radius}",
            field="postprocess.opening",
            remedy="Use a number of pixels, or 0 for none",
        )
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = (rows**2 + columns**2 <= radius**2).astype(np.uint8)
    return cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, disc).view(bool)


def _without_small(mask: np.ndarray, least: float) -> np.ndarray:
    """Remove the 8-connected components below `least` pixels (below 1: share of the image)."""
    if least < 0:
        raise InputError(
            f"the size of a component must not be negative, got {least}",
            field="postprocess.min_component",
            remedy="Use a number of pixels, or below 1 a share of the image",
        )
    pixels = least * mask.size if least < 1 else least
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= pixels
    keep[0] = False
    return keep[labels]
