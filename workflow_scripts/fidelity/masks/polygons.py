"""Fill outlines drawn by readers to masks, as CheXlocalize does."""

import math
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from fidelity.base.errors import InputError

# Farthest coordinate in pixels. pycocotools needs memory for each pixel along a polygon's sides.
FARTHEST = 1_000_000
CORRECT = "Correct the polygon, or remove it"
RESTORE = "Restore the file that the data set's publisher gives"


def rasterise(polygons: Sequence[Any], size: tuple[int, int]) -> np.ndarray:
    """Fill polygons with their outline by Pillow's rule: boolean (height, width).

    The result equals that of CheXlocalize's `annotation_to_segmentation.py`, pixel by pixel. Other
    rasterisers (OpenCV, scikit-image) differ along the outline.

    Args:
        polygons: each is a list of points [x, y] in pixels, fractions allowed; the result is their
            union.

    Raises:
        InputError: `polygons` is not a list, or a polygon is not a list of at least two points of
            two finite numbers.
    """
    raise_unless_list(polygons)
    canvas = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(canvas)
    for index, polygon in enumerate(polygons):
        if not _is_polygon(polygon):
            raise InputError(
                f"polygon {index + 1} is not a list of at least two points [x, y]",
                remedy=RESTORE,
            )
        draw.polygon([(x, y) for x, y in polygon], outline=1, fill=1)
    return np.array(canvas, dtype=bool)


def raise_unless_list(polygons: object) -> None:
    """Raise InputError unless the entry of a class is a list of polygons; it may be empty."""
    if not isinstance(polygons, Sequence) or isinstance(polygons, str):
        raise InputError(
            f"the entry is {polygons!r}, not a list of polygons [[x, y], …]", remedy=RESTORE
        )


def raise_unless_polygons(
    polygons: object, file: str | Path | None = None, field: str | None = None
) -> None:
    """Raise InputError unless these are polygons of COCO: [x1, y1, x2, y2, …].

    On others, pycocotools ends the process, reads a box, or ignores the last number. It may also
    read a list of run lengths, so these are not checked.
    """
    if not isinstance(polygons, list):
        raise InputError("is not a list of polygons", file=file, field=field, remedy=CORRECT)
    for number, polygon in enumerate(polygons, 1):
        if not (isinstance(polygon, dict) or _is_flat_polygon(polygon)):
            raise InputError(
                f"polygon {number} is not a list x1, y1, x2, y2, … of at least three points in"
                " pixels",
                file=file,
                field=field,
                remedy=CORRECT,
            )


def _is_flat_polygon(numbers: object) -> bool:
    # A comparison with nan is false.
    return (
        isinstance(numbers, list)
        and len(numbers) >= 6
        and len(numbers) % 2 == 0
        and all(isinstance(x, Real) and abs(x) <= FARTHEST for x in numbers)
    )


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
