"""Ellipses and discs, filled to masks."""

from collections.abc import Iterable, Sequence

import numpy as np


def fill_ellipses(ellipses: Iterable[Sequence[float]], size: tuple[int, int]) -> np.ndarray:
    """Fill ellipses: a pixel belongs to one if its centre does, the outline included.

    Args:
        ellipses: each (x, y) of the centre, the two half axes and, optionally, by how many degrees
            it is turned clockwise; in pixels, the first pixel lying between 0 and 1.

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
