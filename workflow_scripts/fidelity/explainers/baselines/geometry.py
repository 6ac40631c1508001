"""Lungs and boxes in native pixels, and their conversion to what a working image shows."""

import cv2
import numpy as np

from fidelity.datasets.images.squares import resize_square
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Task
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.masks.boxes import Box, box_of
from fidelity.masks.run_lengths import decode
from fidelity.settings.explainers import Explainer


def has_lung(task: Task, settings: Explainer) -> bool:
    """Check whether the case has a lung mask; masks of low quality do not count."""
    del settings
    return task.case.lung_native is not None


def native_lung(case: PreparedCase) -> np.ndarray:
    """Decode the lung mask: (H, W) bool at native size.

    Raises:
        ValueError: the case has no lung mask.
    """
    if case.lung_native is None:
        raise ValueError("the case has no lung mask")
    return decode(case.lung_native)


def shown(case: PreparedCase, mask: np.ndarray) -> SaliencyMap:
    """Crop a native mask to what the working image shows: a map of kind `binary`."""
    y0, x0, y1, x1 = case.box
    return SaliencyMap("binary", mask[y0:y1, x0:x1].astype(np.uint8))


def bounds(mask: np.ndarray) -> Box:
    """Compute the bounding box of a non-empty mask: (y0, x0, y1, x1), half-open.

    Raises:
        ValueError: the mask is empty.
    """
    box = box_of(mask)
    if box is None:
        raise ValueError("the lung mask is empty")
    return box


def to_grid(values: np.ndarray, side: int) -> np.ndarray:
    """Resize (H, W) of any real type to a square like the images: (side, side) float32."""
    return resize_square(values.astype(np.float32), side)


def from_grid(grid: np.ndarray, box: Box, window: Box, border: int) -> np.ndarray:
    """Resample a grid that covers one box of the native image to another box.

    Args:
        grid: (n, n) float32, spread over `box`.
        box: native box that the grid covers.
        border: OpenCV's rule for places outside the grid.

    Returns:
        (n, n) float32 spread over `window`, bilinear; equal to `grid` where the boxes are equal.
    """
    side = len(grid)
    rows, columns = (
        (
            (window[axis] + (np.arange(side) + 0.5) * (window[axis + 2] - window[axis]) / side)
            - box[axis]
        )
        * (side / (box[axis + 2] - box[axis]))
        - 0.5
        for axis in (0, 1)
    )
    x, y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    return cv2.remap(grid, x, y, cv2.INTER_LINEAR, borderMode=border, borderValue=0)
