"""Refuse shapes of annotation files whose numbers cannot be used.

These functions only raise errors, so digests ignore them (`digests.messages`).
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import RESTORE, Row


def raise_unless_shape(row: Row, shape: Element) -> None:
    """Raise InputError if a number of CVAT's polygon, ellipse or rotation cannot be used."""
    if not _are_numbers([shape.get("rotation", "0")]):
        raise row.wrong(f"rotation is {shape.get('rotation')!r} and not a number")
    if shape.tag == "polygon":
        points = [point.split(",") for point in shape.get("points", "").split(";")]
        if len(points) < 3 or not all(len(one) == 2 and _are_numbers(one) for one in points):
            raise row.wrong("points is not a list x,y;x,y;… of at least three points")
    if shape.tag == "ellipse":
        numbers = [shape.get(key, "") for key in ("cx", "cy", "rx", "ry")]
        if not _are_numbers(numbers) or min(map(float, numbers[2:])) <= 0:
            raise row.wrong("cx, cy, rx and ry are not four numbers with rx and ry above 0")


def raise_unless_points(image: str, count: int, polygons: Any, path: str | Path) -> None:
    """Raise InputError unless ChestX-Det has a list of points [x, y] for each of its instances."""
    if not isinstance(polygons, list) or len(polygons) != count:
        raise Row(path, image).wrong(
            f"polygons is not a list of {count}, one for each box", "polygons", RESTORE
        )
    for number, polygon in enumerate(polygons, 1):
        if not isinstance(polygon, list) or not all(
            isinstance(point, list) and len(point) == 2 for point in polygon
        ):
            raise Row(path, f"{image}, instance {number}").wrong(
                "the polygon is not a list of points [x, y]", "polygons", RESTORE
            )


def raise_if_number(
    by_class: Mapping[str, Any], classes: Iterable[str], path: str | Path, image: str
) -> None:
    """Raise InputError for a number in place of CheXlocalize's run lengths or polygons."""
    for cls in classes:
        if isinstance(by_class.get(cls), int | float):
            raise InputError(
                f"the entry is {by_class[cls]!r}, not run lengths or a list of polygons",
                file=path,
                field=f"{image}/{cls}",
                remedy=RESTORE,
            )


def raise_unless_place(image: str, x: float, y: float, path: str | Path) -> None:
    """Raise InputError if the centre of JSRT's nodule is not finite."""
    if not (math.isfinite(x) and math.isfinite(y)):
        raise Row(path, image).wrong(f"the centre ({x:g}, {y:g}) is not a place", remedy=RESTORE)


def raise_unless_size(path: str | Path, name: str, sides: Iterable[str | int]) -> None:
    """Raise InputError if a side of an image is infinite; callers refuse all but numbers."""
    try:
        [int(float(side)) for side in sides]
    except ValueError:
        return
    except OverflowError as error:
        raise Row(path, name).wrong("the size of the image is infinite", remedy=RESTORE) from error


def _are_numbers(texts: Iterable[str]) -> bool:
    try:
        return all(math.isfinite(float(text)) for text in texts)
    except ValueError:
        return False
