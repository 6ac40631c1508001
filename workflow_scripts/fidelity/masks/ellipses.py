"""Fill ellipses and discs to masks."""

from collections.abc import Iterable, Sequence

import numpy as np


def fill_ellipses(ellipses: Iterable[Sequence[float]], size: tuple[int, int]) -> np.ndarray:
    """Fill ellipses: a pixel belongs to one if its centre is inside or on the outline.

    Args:
        ellipses: each is (x, y) of the centre, the two half axes and, optionally, the clockwise
            rotation in degrees. Lengths are in pixels; the first pixel lies between 0 and 1.

    Returns:
        Boolean (height, width), the union; all False without an ellipse.
    """
    mask = np.zeros(size, bool)
    rows, columns = np.arange(size[0])[:, None] + 0.5, np.arange(size[1]) + 0.5
    for x, y, wide, high, *turned in ellipses:
        angle = np.deg2rad(turned[0] if turned else 0.0)
        right, down = columns - x, rows - y
        along = right * np.cos(angle) + down * np.sin(angle)
        across = down * np.cos(angle) - right * np.sin(angle)
        mask |= (along / wide) ** 2 + (across / high) ** 2 <= 1
    return mask
