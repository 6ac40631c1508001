"""ChestX-Det and ChestX-Det10: `ChestX_Det_{train,test}.json`, boxes and polygons of instances."""

from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import (
    RESTORE,
    Drawn,
    ImageBoxes,
    from_corners,
    place_of,
    read_json,
)

SIZE = (1024, 1024)
CLASSES = (
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "Diffuse Nodule",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Fracture",
    "Mass",
    "Nodule",
    "Pleural Thickening",
    "Pneumothorax",
)


def read_boxes(path: str | Path) -> dict[str, ImageBoxes]:
    """Read the boxes of all instances.

    Args:
        path: the JSON file, with or without polygons.

    Returns:
        Every image of the file. A class without a box was read, and nothing was found.

    Raises:
        InputError: the file cannot be read or has another layout, or a box is invalid.
    """
    found = {}
    for image, names, boxes, _ in _instances(path):
        found[image] = ImageBoxes(size=SIZE)
        for number, (cls, corners) in enumerate(zip(names, boxes, strict=True), 1):
            row = f"{image}, instance {number}"
            found[image].add(cls, Drawn(from_corners(corners, path, row), place_of(path, row)))
    return found


def entries_of(content: Any, path: str | Path) -> dict[str, dict[str, Any]]:
    """Give the polygons as entries of `mask_entries`: {image: {class: entry}}, instances united."""
    found: dict[str, dict[str, Any]] = {}
    for image, names, _, polygons in _checked(content, path):
        by_class = found.setdefault(image, {})
        for cls, polygon in zip(names, polygons, strict=True):
            entry = by_class.setdefault(cls, {"size": [*SIZE], "coco": []})
            entry["coco"].append([[number for point in polygon for number in point]])
    return found


def has_polygons(path: str | Path) -> bool:
    """Find out whether the file has polygons as well as boxes (that of ChestX-Det10 has none)."""
    return any(polygons for *_, polygons in _instances(path))


def _instances(path: str | Path) -> list[tuple[str, list[str], list[Any], list[Any]]]:
    return _checked(read_json(path), path)


def _checked(content: Any, path: str | Path) -> list[tuple[str, list[str], list[Any], list[Any]]]:
    known = {_plain(name): name for name in CLASSES}
    found = []
    try:
        for entry in content:
            boxes, polygons = entry["boxes"], entry.get("polygons", [])
            image, given = entry["file_name"], entry["syms"]
            if len(given) != len(boxes) or (polygons and len(polygons) != len(boxes)):
                raise InputError(
                    "classes, boxes and polygons are not equally many",
                    file=path,
                    field=image,
                    remedy=RESTORE,
                )
            names = [known.get(_plain(name)) for name in given]
            if None in names:
                raise InputError(
                    f"unknown class {given[names.index(None)]!r}",
                    file=path,
                    field=image,
                    remedy=RESTORE,
                )
            found.append((image, names, boxes, polygons))
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            "is not a list of images with syms and boxes", file=path, remedy=RESTORE
        ) from error
    return found


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()
