"""Images with boxes in YOLO's text files, one for each image.

A line `class x y width height` is a box. x and y are the centre. All four numbers are shares of the
image's width and height.

References: a line is *drawn*. A class without a line in a file (which may be empty) is *read and
nothing found*, an empty reference. An image without a file was *not annotated*. It is not used, and
the log counts such images.

Splits: folders train, val (or valid) and test above the text files, otherwise chosen by patient,
70:10:20, seeded.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import (
    ImageFiles,
    endings,
    files_below,
    find_file,
    warn_of_unused,
)
from fidelity.datasets.annotations.drawn import RELATIVE, RESTORE, ImageBoxes, Row, read_text
from fidelity.datasets.cases import Case
from fidelity.datasets.sources.containers.found_images import FoundImage, cases_of
from fidelity.settings.datasets import Yolo

multilabel = True
masks_follow_labels = False

DATA, LISTS = ("data.yaml", "dataset.yaml"), ("classes.txt", "obj.names", "_darknet.labels")
# Text files that are not annotations.
OTHERS = {*LISTS, "train.txt", "val.txt", "test.txt", "requirements.txt"}
# Beginnings of such names: Roboflow adds README.roboflow.txt and README.dataset.txt.
NOTES = ("readme", "license")


def find_cases(root: Path, settings: Yolo) -> Iterator[Case]:
    """Yield one case per text file.

    Raises:
        InputError: the classes have no names, there is no text file, or one cannot be understood.
    """
    files, below = ImageFiles(root), _annotation_files(root)
    names = _names(root, below, settings)
    images = {
        _image_of(text): FoundImage(
            read_boxes(root / text, names),
            names,
            Row(root / text, "whole file").place,
        )
        for text in _texts(below)
    }
    if not images:
        raise InputError(
            "no text file of boxes was found",
            file=root,
            field="root",
            remedy="Set root to a folder above the folders of images and labels",
        )
    yield from cases_of(images, files, settings)
    warn_of_unused(files, "a text file of their name")


def tables(root: Path, settings: Yolo) -> list[Path]:
    """List the text files and the list of classes."""
    below = _annotation_files(root)
    named = [find_file(root, names, below) for names in (DATA, LISTS)]
    return [*(root / text for text in _texts(below)), *(path for path in named if path)]


def _image_of(text: str) -> str:
    """Return the image path of a text file: in the folder `images` beside `labels`, any format."""
    folders = ["images" if part == "labels" else part for part in text.split("/")]
    return "/".join(folders).rpartition(".")[0] + ".png"


def _annotation_files(root: Path) -> list[str]:
    return files_below(root, endings((*DATA, *LISTS)))


def _texts(below: Iterable[str]) -> list[str]:
    texts = (path for path in below if path.lower().endswith(".txt"))
    named = ((text, text.rpartition("/")[2].lower()) for text in texts)
    return [text for text, name in named if name not in OTHERS and not name.startswith(NOTES)]


def _names(root: Path, below: Sequence[str], settings: Yolo) -> list[str]:
    if settings.names is not None:
        return settings.names
    data = find_file(root, DATA, below, "names")
    if data is not None:
        try:
            names = yaml.safe_load(data.read_text(encoding="utf-8-sig"))["names"]
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
            raise InputError(
                "the file lists no classes", file=data, field="names", remedy=RESTORE
            ) from error
        _raise_unless_names(names, data)
        if isinstance(names, dict):
            names = [names[number] for number in sorted(names)]
        return [str(name) for name in names]
    listed = find_file(root, LISTS, below, "names")
    if listed is None:
        raise InputError(
            f"the names of the classes are missing: {', '.join((*DATA, *LISTS))} were not found",
            file=root,
            field="names",
            remedy="Set names: [<class 0>, <class 1>, …]",
        )
    return read_names(listed)


def read_names(path: str | Path) -> list[str]:
    """Read a list of class names, one per line (`classes.txt`, `obj.names`)."""
    lines = [line.strip() for line in read_text(path).strip().splitlines()]
    _raise_unless_names(lines, path)
    return lines


def _raise_unless_names(names: Any, path: str | Path) -> None:
    """Raise InputError unless each class has a name of its own, and numbers count from 0."""
    problem = _problem_of(names)
    if problem:
        raise InputError(
            problem,
            file=path,
            field="names",
            remedy="List one name for each class, in the order of their numbers. Or set names:"
            " [<class 0>, <class 1>, …] in the config",
        )


def _problem_of(names: Any) -> str:
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            numbers = ", ".join(map(repr, names))
            return f"the numbers of the classes are {numbers}, not 0 to {len(names) - 1}"
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        return f"{names!r} is not a list of class names"
    for number, name in enumerate(names):
        if isinstance(name, bool) or not isinstance(name, str | int | float) or name == "":
            return f"class {number} is {name!r} and not a name"
        if name in names[:number]:
            return f"the classes {names.index(name)} and {number} are both called {name!r}"
    return ""


def read_boxes(path: str | Path, names: list[str]) -> ImageBoxes:
    """Read the boxes of one image as shares of its sides; `names` lists the classes by number.

    An empty file is an image that was read, and nothing was found. One further number in a line
    (confidence) is ignored.

    Raises:
        InputError: the file cannot be read, a class has no name, a box is invalid, or a line is a
            polygon or a rotated box.
    """
    found = ImageBoxes(size=RELATIVE)
    for number, line in enumerate(read_text(path).splitlines(), 1):
        cells, row = line.split(), Row(path, f"line {number}")
        if not cells:
            continue
        if not cells[0].isdecimal() or int(cells[0]) >= len(names):
            raise row.wrong(
                f"the class {cells[0]!r} has no name; the names are {', '.join(names)}",
                "names",
                "List the names of all classes in the order of their numbers",
            )
        # Class, box and confidence: what is longer would be read as a box in another place.
        if len(cells) > 6:
            raise row.wrong(
                f"{len(cells) - 1} numbers after the class: this is a polygon or a rotated box",
                remedy="Export 'class x y width height', or the polygons as COCO",
            )
        try:
            x, y, width, height = map(float, cells[1:5])
        except ValueError as error:
            raise row.wrong("is not 'class x y width height'", remedy="Correct the row") from error
        corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        found.add(names[int(cells[0])], row.corners(corners))
    return found
