"""Images with boxes in Pascal VOC's XML, or with boxes, polygons and ellipses in CVAT's.

Pascal VOC has one file for each image, CVAT one for all images.

References: a box or shape is *drawn*. If an image has no object of a class of the files, it was
*read and nothing found*, an empty reference.

Splits: Pascal's `ImageSets/Main/{train,val,test}.txt` or CVAT's `subset`, else folders train, val
(or valid) and test above the images, otherwise chosen by patient, 70:10:20, seeded.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles, files_below
from fidelity.datasets.annotations.drawn import RESTORE, ImageBoxes, Row, read_text, unreadable
from fidelity.datasets.cases import Case
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.sources.containers.found_images import FoundImage, cases_of, split_named
from fidelity.datasets.splits import SPLITS

if TYPE_CHECKING:
    from fidelity.settings.datasets import Voc

multilabel = True
masks_follow_labels = False

CORNERS = ("xmin", "ymin", "xmax", "ymax")
CVAT_CORNERS = ("xtl", "ytl", "xbr", "ybr")
# What CVAT's images hold that is read, or marks no place.
CVAT_TAGS = ("box", "polygon", "ellipse", "tag")
# Keys of an entry of `mask_entries` that a box alone does not have.
SHAPES = {"coco", "ellipses"}


def find_cases(root: Path, settings: "Voc") -> Iterator[Case]:
    """Yield one case per image of all XML files.

    Raises:
        InputError: there is no XML file, one cannot be understood, or two are for the same image.
    """
    files, images = ImageFiles(root), {}
    lists = _lists(root).items()
    splits = {stem: split for split, path in lists for stem in read_text(path).split()}
    for file in files_below(root, {".xml"}):
        found = read_boxes(root / file)
        cvat = is_cvat(root / file)
        shapes = read_entries(root / file) if cvat else {}
        subsets = read_subsets(root / file) if cvat else {}
        for name, boxes in found.items():
            if name in images:
                raise InputError(
                    f"the image {name!r} is also in {images[name].place}",
                    file=root / file,
                    remedy="Remove one of the two files",
                )
            masks = {cls: reference_to(file, name, cls) for cls in shapes.get(name, {})}
            for cls in masks:
                # Its mask holds its boxes too; as boxes, its lesions would not be complete.
                boxes.boxes.pop(cls, None)
            stem = name.rpartition("/")[2].rpartition(".")[0]
            place = Row(root / file, f"image {name}").place
            split = splits.get(stem, "") or subsets.get(name, "")
            images[name] = FoundImage(boxes, [], place, split, masks)
    if not images:
        raise InputError(
            "no XML file was found",
            file=root,
            field="root",
            remedy="Set root to a folder above images and XML files",
        )
    classes = sorted({cls for one in images.values() for cls in (*one.boxes.boxes, *one.masks)})
    for image in images.values():
        image.classes = classes
    yield from cases_of(images, files, settings)
    files.report_unused("the XML files")


def tables(root: Path, settings: "Voc") -> list[Path]:
    """List the XML files and the lists of splits."""
    return [*(root / file for file in files_below(root, {".xml"})), *_lists(root).values()]


def _lists(root: Path) -> dict[str, Path]:
    return {
        split: root / path
        for path in files_below(root, {".txt"})
        for split in SPLITS
        if f"/{path}".endswith(f"/ImageSets/Main/{split}.txt")
    }


def read_boxes(path: str | Path) -> dict[str, ImageBoxes]:
    """Read the boxes of an XML file by image; a class without a box was read, and nothing found.

    Pascal VOC's corners are not changed: they are used as continuous coordinates, as annotation
    tools export boxes. (In the challenge itself, pixels were counted from 1.)

    Raises:
        InputError: the file cannot be read or is another kind of XML, or a box is invalid.
    """
    root = _parsed(path)
    if root.tag == "annotation":
        name = _text(root, "filename", path)
        return {name.replace("\\", "/").rpartition("/")[2]: _pascal(root, path)}
    return {_name(image, path): _cvat(image, path) for image in _cvat_images(root, path)}


def read_entries(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read CVAT's polygons and ellipses as entries of `mask_entries`; see `read_boxes`.

    The boxes of a class that also has such shapes are in its entry, too.
    """
    found: dict[str, dict[str, Any]] = {}
    for image in _cvat_images(_parsed(path), path):
        size = _size(image.get("height"), image.get("width"), path, _name(image, path))
        by_class = found.setdefault(_name(image, path), {})
        for shape in image:
            entry = by_class.setdefault(shape.get("label", ""), {"size": [*size]})
            if shape.tag == "polygon":
                points = shape.get("points", "").replace(";", ",").split(",")
                entry.setdefault("coco", []).append([[float(number) for number in points]])
            elif shape.tag == "ellipse":
                numbers = [float(shape.get(key, 0)) for key in ("cx", "cy", "rx", "ry", "rotation")]
                entry.setdefault("ellipses", []).append(numbers)
            elif shape.tag == "box":
                xtl, ytl, xbr, ybr = (float(shape.get(key, 0)) for key in CVAT_CORNERS)
                entry.setdefault("boxes", []).append([ytl, xtl, ybr, xbr])
    return {
        name: {cls: entry for cls, entry in by_class.items() if SHAPES.intersection(entry)}
        for name, by_class in found.items()
    }


def read_subsets(path: str | Path) -> dict[str, str]:
    """Read the split of each image of CVAT; empty if the attribute `subset` does not name one."""
    images = _cvat_images(_parsed(path), path)
    return {_name(image, path): split_named(image.get("subset", "")) for image in images}


def is_cvat(path: str | Path) -> bool:
    """Check whether a file has CVAT's layout."""
    return _parsed(path).tag == "annotations"


def _parsed(path: str | Path) -> Element:
    try:
        return ElementTree.parse(path).getroot()
    except OSError as error:
        raise unreadable(path, error) from error
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InputError(f"cannot be read as XML ({error})", file=path, remedy=RESTORE) from error


def _pascal(root: Element, path: str | Path) -> ImageBoxes:
    size = root.find("size")
    sides = (None, None) if size is None else (size.findtext("height"), size.findtext("width"))
    found = ImageBoxes(size=_size(*sides, path, "size"))
    for number, shape in enumerate(root.iter("object"), 1):
        box = shape.find("bndbox")
        corners = [None if box is None else box.findtext(name) for name in CORNERS]
        drawn = Row(path, f"object {number}").corners(corners)
        found.add(_text(shape, "name", path), drawn)
    return found


def _cvat(image: Element, path: str | Path) -> ImageBoxes:
    name = _name(image, path)
    found = ImageBoxes(size=_size(image.get("height"), image.get("width"), path, name))
    for number, shape in enumerate(image, 1):
        row = Row(path, f"{name}, {shape.tag} {number}")
        turned = shape.tag == "box" and float(shape.get("rotation", 0))
        if turned or shape.tag not in CVAT_TAGS:
            what = "a rotated box" if turned else f"a shape {shape.tag!r}"
            raise row.wrong(
                f"{what} is not read; boxes, polygons and ellipses are",
                remedy="Export the annotations as COCO, or draw the shape as a polygon",
            )
        if shape.tag == "box":
            found.add(shape.get("label", ""), row.corners([shape.get(key) for key in CVAT_CORNERS]))
    return found


def _cvat_images(root: Element, path: str | Path) -> list[Element]:
    if root.tag != "annotations":
        raise InputError(
            f"is neither Pascal VOC nor CVAT: its first element is {root.tag!r}",
            file=path,
            remedy="Export the boxes as Pascal VOC or as CVAT for images",
        )
    return root.findall("image")


def _name(image: Element, path: str | Path) -> str:
    name = image.get("name")
    if not name:
        raise InputError("an image has no name", file=path, remedy=RESTORE)
    return name.replace("\\", "/")


def _text(element: Element, name: str, path: str | Path) -> str:
    text = (element.findtext(name) or "").strip()
    if not text:
        raise InputError(f"the element {name!r} is missing", file=path, remedy=RESTORE)
    return text


def _size(
    height: str | None, width: str | None, path: str | Path, where: str
) -> tuple[int, int] | None:
    if not height and not width:
        return None
    if not all(side and side.isdecimal() for side in (height, width)):
        raise InputError(
            f"{where}: the size {width} x {height} is not in whole pixels",
            file=path,
            remedy=RESTORE,
        )
    # Some tools write 0 if they do not know the size.
    return (int(height), int(width)) if int(height) and int(width) else None
