"""Images with boxes, polygons or run lengths in COCO's JSON.

References: a box or segmentation is *drawn*. If an image has no annotation of a category of the
file, it was *read and nothing found*, an empty reference.

Splits: one file each (`tables`), else folders train, val (or valid) and test above the images,
otherwise chosen by patient, 70:10:20, seeded.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles, warn_of_unused
from fidelity.datasets.annotations.drawn import RESTORE, ROUNDING, Drawn, ImageBoxes, Row, read_json
from fidelity.datasets.cases import Case
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.sources.containers.found_images import FoundImage, cases_of
from fidelity.masks.polygons import raise_unless_polygons
from fidelity.masks.run_lengths import check_encoding, decode

if TYPE_CHECKING:
    from fidelity.settings.datasets import Coco

log = logging.getLogger(__name__)

multilabel = True
masks_follow_labels = False


def find_cases(root: Path, settings: "Coco") -> Iterator[Case]:
    """Yield one case per image that the files list."""
    files = ImageFiles(root)
    for split, table in _tables(root, settings):
        found, file = read_boxes(table), table.relative_to(root).as_posix()
        _check_corners(found, table, settings)
        images = {
            name: FoundImage(
                boxes,
                found.categories,
                Row(table, f"entry of {name}").place,
                split,
                {cls: reference_to(file, name, cls) for cls in sorted(found.shaped[name])},
            )
            for name, boxes in found.images.items()
        }
        yield from cases_of(images, files, settings)
    warn_of_unused(files, "the annotation files")


def tables(root: Path, settings: "Coco") -> list[Path]:
    """Locate the annotation files."""
    return [path for _, path in _tables(root, settings)]


def _tables(root: Path, settings: "Coco") -> list[tuple[str, Path]]:
    given = [(split, name) for split, name in settings.tables if name is not None]
    given = given or [("", settings.annotations)]
    for split, name in given:
        if not (root / name).is_file():
            raise InputError(
                f"the annotation file {name} was not found",
                file=root,
                field="tables" if split else "annotations",
                remedy="Give its path relative to root",
            )
    return [(split, root / name) for split, name in given]


class CocoFile(NamedTuple):
    """A COCO file of boxes.

    Attributes:
        images: boxes of every image, by `file_name`; a category without a box was read, and nothing
            was found.
        categories: names, in the order of the file.
        shaped: for each image, the categories whose instances all have a polygon or run lengths.
    """

    images: dict[str, ImageBoxes]
    categories: list[str]
    shaped: dict[str, set[str]]


def is_coco(content: Any) -> bool:
    """Check whether a JSON file has COCO's layout."""
    return (
        isinstance(content, dict)
        and isinstance(content.get("images"), list)
        and isinstance(content.get("annotations"), list)
    )


def read_boxes(path: str | Path) -> CocoFile:
    """Read the boxes of a COCO file by image and category.

    Raises:
        InputError: the file cannot be read or has another layout, two images or categories have the
            same name, or a box is invalid.
    """
    content = read_json(path)
    names, categories = _names(content, path), _categories(content, path)
    images = {
        names[image["id"]]: ImageBoxes(size=_size(image, path)) for image in content["images"]
    }
    shaped: dict[str, dict[str, bool]] = {name: {} for name in images}
    for number, entry in enumerate(content["annotations"], 1):
        image, cls = _whose(entry, names, categories, path, number)
        row = Row(path, f"annotation {entry.get('id', number)}")
        images[image].add(cls, _box(entry, row))
        by_class = shaped[image]
        by_class[cls] = by_class.get(cls, True) and bool(entry.get("segmentation"))
    return CocoFile(
        images,
        list(categories.values()),
        {image: {cls for cls, whole in found.items() if whole} for image, found in shaped.items()},
    )


def _box(entry: dict[str, Any], row: Row) -> Drawn:
    """Read the bbox of an annotation; without one, bound its polygons or run lengths.

    COCO's own boxes bound the corners of the polygons, and pycocotools' those of the pixels.
    """
    box, shape = entry.get("bbox"), entry.get("segmentation")
    if box:
        return row.sides(box)
    x, y, edge = [], [], 0
    if isinstance(shape, dict):
        try:
            y, x = np.nonzero(decode(check_encoding(shape, row.path, "segmentation")))
        except InputError as error:
            raise row.wrong(error.problem, "segmentation") from error
        edge = 1
    elif isinstance(shape, list) and not any(isinstance(one, dict) for one in shape):
        raise_unless_polygons(shape, row.path, row.name)
        x, y = ([number for one in shape for number in one[axis::2]] for axis in (0, 1))
    if not len(x):
        raise row.wrong(
            "the annotation has no box, and no polygon or run lengths to take it from",
            "bbox",
            "Write bbox: [x, y, width, height], or remove the annotation",
        )
    return row.corners((min(x), min(y), max(x) + edge, max(y) + edge))


def _check_corners(found: CocoFile, table: Path, settings: "Coco") -> None:
    """Check that boxes were not written as corners, (x0, y0, x1, y1).

    All boxes would then fit their images as corners, but some of them leave it as they are read.
    """
    count = beyond = 0
    for image in found.images.values():
        height, width = image.size
        for y0, x0, y1, x1 in (one.box for drawn in image.boxes.values() for one in drawn):
            if not (x0 < x1 - x0 <= width + ROUNDING and y0 < y1 - y0 <= height + ROUNDING):
                return
            count += 1
            beyond += x1 > width + ROUNDING or y1 > height + ROUNDING
    if not beyond:
        return
    problem = (
        f"bbox seems to hold corners (x0, y0, x1, y1): {beyond} of {count} boxes leave their image,"
        " but all fit as corners"
    )
    if settings.boxes_outside == "clip":
        log.warning("%s: %s. Write x, y, width and height", table, problem)
        return
    raise InputError(
        problem,
        file=table,
        field="bbox",
        remedy="Write x, y, width and height, or set boxes_outside: clip if they are",
    )


def entries_of(content: Any, path: str | Path) -> dict[str, dict[str, Any]]:
    """Return polygons and run lengths as entries of `mask_entries`, with instances merged."""
    names, categories = _names(content, path), _categories(content, path)
    sizes = {names[image["id"]]: _size(image, path) for image in content["images"]}
    found: dict[str, dict[str, Any]] = {name: {} for name in sizes}
    for number, entry in enumerate(content["annotations"], 1):
        image, cls = _whose(entry, names, categories, path, number)
        if entry.get("segmentation"):
            united = found[image].setdefault(cls, {"size": [*sizes[image]], "coco": []})
            united["coco"].append(entry["segmentation"])
    return found


def _names(content: Any, path: str | Path) -> dict[Any, str]:
    if not is_coco(content):
        raise InputError("is not a COCO file (images, annotations)", file=path, remedy=RESTORE)
    return _by_id(content["images"], "file_name", "images", path)


def _categories(content: Any, path: str | Path) -> dict[Any, str]:
    return _by_id(content.get("categories") or [], "name", "categories", path)


def _by_id(entries: list[Any], key: str, field: str, path: str | Path) -> dict[Any, str]:
    try:
        found = {entry["id"]: str(entry[key]).replace("\\", "/") for entry in entries}
    except (TypeError, KeyError) as error:
        raise InputError(
            f'an entry has no id or no "{key}"', file=path, field=field, remedy=RESTORE
        ) from error
    for name, count in (Counter(found.values()) + Counter()).items():
        if count > 1 or len(found) < len(entries):
            raise InputError(
                f"two entries have the same id or the same {key} (near {name!r})",
                file=path,
                field=field,
                remedy="Give every entry its own id and name",
            )
    return found


def _size(image: dict[str, Any], path: str | Path) -> tuple[int, int]:
    size = image.get("height"), image.get("width")
    if not all(type(side) is int and side > 0 for side in size):
        raise InputError(
            f"the image {image.get('file_name')!r} has no height and width",
            file=path,
            field="images",
            remedy="Give both in pixels",
        )
    return size


def _whose(
    entry: Any, names: dict[Any, str], categories: dict[Any, str], path: str | Path, number: int
) -> tuple[str, str]:
    try:
        return names[entry["image_id"]], categories[entry["category_id"]]
    except (TypeError, KeyError) as error:
        raise InputError(
            f"annotation {number} refers to an image or a category that the file does not list",
            file=path,
            field="annotations",
            remedy="Correct its image_id or category_id",
        ) from error
