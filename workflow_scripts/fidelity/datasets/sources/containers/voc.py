"""Images with boxes in Pascal VOC's XML, or with boxes, polygons and ellipses in CVAT's.

Pascal VOC has one file for each image, CVAT one for all images.

References: a box or shape is *drawn*. If an image has no object of a class of the files, it was
*read and nothing found*, an empty reference.

Splits: Pascal's `ImageSets/Main/{train,val,test}.txt` or CVAT's `subset`, else folders train, val
(or valid) and test above the images, otherwise chosen by patient, 70:10:20, seeded.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles, files_below, warn_of_unused
from fidelity.datasets.annotations.drawn import RESTORE, ImageBoxes, Row, read_text, unreadable
from fidelity.datasets.annotations.shape_checks import raise_unless_shape
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
        for name, (boxes, shapes, subset) in read_images(root / file).items():
            if name in images:
                raise InputError(
                    f"the image {name!r} is also in {images[name].place}",
                    file=root / file,
                    remedy="Remove one of the two files",
                )
            masks = {cls: reference_to(file, name, cls) for cls in shapes}
            for cls in masks:
                # Its mask holds its boxes too; as boxes, its lesions would not be complete.
                boxes.boxes.pop(cls, None)
            stem = name.rpartition("/")[2].rpartition(".")[0]
            place = Row(root / file, f"image {name}").place
            images[name] = FoundImage(boxes, [], place, splits.get(stem, "") or subset, masks)
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
    warn_of_unused(files, "the XML files")


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


class XmlImage(NamedTuple):
    """What an XML file states of one image.

    Attributes:
        boxes: a class without a box was read, and nothing found.
        shapes: class → its polygons and ellipses as an entry of `mask_entries`. The boxes of a
            class that also has such shapes are in its entry, too.
        split: of CVAT's attribute `subset`; empty if it does not name one.
    """

    boxes: ImageBoxes
    shapes: dict[str, dict[str, Any]]
    split: str


def read_images(path: str | Path) -> dict[str, XmlImage]:
    """Read an XML file by image; it is parsed only once, because CVAT's may be large.

    Pascal VOC's corners are not changed: they are used as continuous coordinates, as annotation
    tools export boxes. (In the challenge itself, pixels were counted from 1.)

    Raises:
        InputError: the file cannot be read or is another kind of XML, lists an image twice, or has
            an invalid box.
    """
    root = _parsed(path)
    if root.tag == "annotation":
        name = _text(root, "filename", path)
        return {name.replace("\\", "/").rpartition("/")[2]: XmlImage(_pascal(root, path), {}, "")}
    if root.tag != "annotations":
        raise InputError(
            f"is neither Pascal VOC nor CVAT: its first element is {root.tag!r}",
            file=path,
            remedy="Export the boxes as Pascal VOC or as CVAT for images",
        )
    found: dict[str, XmlImage] = {}
    for image in root.findall("image"):
        name = _name(image, path)
        if name in found:
            raise InputError(
                f"the image {name!r} is listed twice",
                file=path,
                remedy="Move the shapes of both entries into one",
            )
        boxes = _cvat(image, path)
        split = split_named(image.get("subset", ""))
        found[name] = XmlImage(boxes, _entries(image, boxes.size), split)
    return found


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
        raise_unless_shape(row, shape)
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


def _entries(image: Element, size: tuple[int, int] | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for shape in image:
        entry = found.setdefault(shape.get("label", ""), {"size": [*(size or ())]})
        if shape.tag == "polygon":
            points = shape.get("points", "").replace(";", ",").split(",")
            entry.setdefault("coco", []).append([[float(number) for number in points]])
        elif shape.tag == "ellipse":
            numbers = [float(shape.get(key, 0)) for key in ("cx", "cy", "rx", "ry", "rotation")]
            entry.setdefault("ellipses", []).append(numbers)
        elif shape.tag == "box":
            xtl, ytl, xbr, ybr = (float(shape.get(key, 0)) for key in CVAT_CORNERS)
            entry.setdefault("boxes", []).append([ytl, xtl, ybr, xbr])
    return {cls: entry for cls, entry in found.items() if SHAPES.intersection(entry)}


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
