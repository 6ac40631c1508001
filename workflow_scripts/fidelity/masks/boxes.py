"""Boxes of pixels: (y0, x0, y1, x1), half-open.

Boxes of readers have continuous coordinates: x1 - x0 is the width, and the first pixel of a row
lies between 0 and 1. NumPy is imported inside the functions: config checks and case tables need
only the types.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Box = tuple[int, int, int, int]
FloatBox = tuple[float, float, float, float]


def box_of(mask: "np.ndarray") -> Box | None:
    """Return the bounding box of a mask, boolean (H, W); None if the mask is empty."""
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def fill_boxes(boxes: Iterable[FloatBox], size: tuple[int, int]) -> "np.ndarray":
    """Fill boxes to a mask: a pixel belongs to a box if its centre is inside.

    Pixel (r, c) counts where y0 < r + 0.5 < y1 and x0 < c + 0.5 < x1: each side is rounded to the
    nearest edge of a pixel. A side that passes through pixel centres is rounded to the even edge
    (`rint`), as in tools that export whole numbers. For whole numbers, this is torchxrayvision's
    `mask[y : y + h, x : x + w]`.

    Args:
        boxes: in pixels of the image; parts outside the image are cut.

    Returns:
        Boolean (height, width), the union; all False without a box.
    """
    import numpy as np

    mask = np.zeros(size, bool)
    for box in boxes:
        top, left, bottom, right = (max(0, round(side)) for side in box)
        mask[top:bottom, left:right] = True
    return mask


def scale_boxes(
    boxes: Iterable[FloatBox], size: tuple[float, float], to: tuple[float, float]
) -> tuple[FloatBox, ...]:
    """Scale boxes from an image of one size (height, width) to a copy of another size."""
    rows, columns = to[0] / size[0], to[1] / size[1]
    return tuple((y0 * rows, x0 * columns, y1 * rows, x1 * columns) for y0, x0, y1, x1 in boxes)
