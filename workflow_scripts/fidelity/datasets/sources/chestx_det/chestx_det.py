"""ChestX-Det (Lian et al. 2021) and ChestX-Det10: polygons and boxes of 13 findings on NIH images.

References: an instance is *drawn*, as a polygon (not in ChestX-Det10) and as a box. A class without
an instance is *read and nothing found*, an empty reference.

Splits: the official test split; a tenth of the training split becomes validation, by image, seeded.
The files have new numbers, so NIH's patients are unknown.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles, locate_by_split, warn_of_unused
from fidelity.datasets.annotations.drawn import RESTORE, ImageBoxes, Row, read_json
from fidelity.datasets.annotations.shape_checks import raise_unless_points
from fidelity.datasets.cases import NONE, Case
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.splits import with_validation

if TYPE_CHECKING:
    from fidelity.settings.datasets import ChestxDet

CLASSES = known_classes = (
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
TEN = {*CLASSES} - {"Cardiomegaly", "Diffuse Nodule", "Pleural Thickening"}  # in ChestX-Det10
SIZE = (1024, 1024)
FILES = {
    "train": ("ChestX_Det_train.json", "ChestX-Det10-train.json", "train.json"),
    "test": ("ChestX_Det_test.json", "ChestX-Det10-test.json", "test.json"),
}
WHERE = "Download them from https://github.com/Deepwise-AILab/ChestX-Det-Dataset"

multilabel = True
masks_follow_labels = False


def find_cases(root: Path, settings: "ChestxDet") -> Iterator[Case]:
    """Yield one case per image, `train_36199` for 36199.png of the training split."""
    files = ImageFiles(root)
    for split, table in locate_by_split(FILES, WHERE, root).items():
        content = read_json(table)
        images, shaped = boxes_of(content, table), has_polygons(content, table)
        file = table.relative_to(root).as_posix()
        # A file that uses only the ten classes is that of ChestX-Det10.
        names = {cls for drawn in images.values() for cls in drawn.boxes}
        classes = [c for c in CLASSES if shaped or c in TEN | names]
        for image, drawn in images.items():
            case = f"{split}_{image.rpartition('.')[0]}"
            masks = {
                cls: reference_to(file, image, cls) if cls in drawn.boxes else NONE
                for cls in classes
            }
            yield Case(
                case=case,
                patient=case,
                split=with_validation(split, image, settings.split_seed),
                labels=tuple(drawn.boxes),
                image=files.find(image, lambda path, own=split: _is_of(path, own)),
                masks=masks if shaped else {},
                place=Row(table, f"entry of {image}").place,
                **drawn.fields(classes),
            )
    warn_of_unused(files, "ChestX_Det_train.json or ChestX_Det_test.json")


def tables(root: Path, settings: "ChestxDet") -> list[Path]:
    """Locate the annotation files."""
    return list(locate_by_split(FILES, WHERE, root).values())


def boxes_of(content: Any, path: str | Path) -> dict[str, ImageBoxes]:
    """Read the boxes of all instances, from a file with or without polygons.

    Returns:
        Every image of the file. A class without a box was read, and nothing was found.

    Raises:
        InputError: the file has another layout, or a box is invalid.
    """
    found = {}
    for image in _images(content, path):
        found[image.name] = ImageBoxes(size=SIZE)
        for number, (cls, corners) in enumerate(zip(image.classes, image.boxes, strict=True), 1):
            box = Row(path, f"{image.name}, instance {number}").corners(corners)
            found[image.name].add(cls, box)
    return found


def entries_of(content: Any, path: str | Path) -> dict[str, dict[str, Any]]:
    """Return the polygons as entries of `mask_entries`: {image: {class: entry}}.

    All instances of a class are in one entry.
    """
    found: dict[str, dict[str, Any]] = {}
    for image in _images(content, path):
        by_class = found.setdefault(image.name, {})
        raise_unless_points(image.name, len(image.classes), image.polygons, path)
        for cls, polygon in zip(image.classes, image.polygons, strict=True):
            entry = by_class.setdefault(cls, {"size": [*SIZE], "coco": []})
            entry["coco"].append([[number for point in polygon for number in point]])
    return found


def has_polygons(content: Any, path: str | Path) -> bool:
    """Check whether the file has polygons as well as boxes (that of ChestX-Det10 has none)."""
    return any(image.polygons for image in _images(content, path))


class _Image(NamedTuple):
    """Class, box and, if there are any, polygon of each instance of an image."""

    name: str
    classes: list[str]
    boxes: list[Any]
    polygons: list[Any]


def _images(content: Any, path: str | Path) -> Iterator[_Image]:
    try:
        for entry in content:
            name, given = entry["file_name"], entry["syms"]
            boxes, polygons, row = entry["boxes"], entry.get("polygons", []), Row(path, name)
            if len(given) != len(boxes) or (polygons and len(polygons) != len(boxes)):
                raise row.wrong("the numbers of classes, boxes and polygons differ", remedy=RESTORE)
            yield _Image(name, [row.known(cls, CLASSES) for cls in given], boxes, polygons)
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            "is not a list of images with syms and boxes", file=path, remedy=RESTORE
        ) from error


def _is_of(path: str, split: str) -> bool:
    """Check whether a file may belong to a split: its folders do not name the other split."""
    other = "test" if split == "train" else "train"
    return not any(part.lower().startswith(other) for part in path.split("/")[:-1])
