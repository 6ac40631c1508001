"""Fill outlines drawn by readers to masks, as CheXlocalize does."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from fidelity.base.errors import InputError


def rasterise(polygons: Sequence[Any], size: tuple[int, int]) -> np.ndarray:
    """Fill polygons with their outline by Pillow's rule: boolean (height, width).

    The result equals that of CheXlocalize's `annotation_to_segmentation.py`, pixel by pixel. Other
    rasterisers (OpenCV, scikit-image) differ along the outline.

    Args:
        polygons: each is a list of points [x, y] in pixels, fractions allowed; the result is their
            union.

    Raises:
        InputError: a polygon is not a list of at least two points of two finite numbers.
    """
    canvas = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(canvas)
    for index, polygon in enumerate(polygons):
        if not _is_polygon(polygon):
            raise InputError(
                f"polygon {index + 1} is not a list of at least two points [x, y]",
                remedy="Restore the file that the data set's publisher gives",
            )
        draw.polygon([(x, y) for x, y in polygon], outline=1, fill=1)
    return np.array(canvas, dtype=bool)


def _is_polygon(polygon: object) -> bool:
    return (
        isinstance(polygon, Sequence)
        and len(polygon) >= 2
        and all(
            isinstance(point, Sequence)
            and len(point) == 2
            and all(isinstance(x, Real) and math.isfinite(x) for x in point)
            for point in polygon
        )
    )
