"""Boxes of pixels: (y0, x0, y1, x1), half-open."""

import numpy as np

Box = tuple[int, int, int, int]


def box_of(mask: np.ndarray) -> Box | None:
    """Bound a mask, boolean (H, W); None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
