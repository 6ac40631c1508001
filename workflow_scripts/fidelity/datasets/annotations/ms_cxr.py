"""MS-CXR: `MS_CXR_Local_Alignment_v*.csv`, boxes of phrases on MIMIC-CXR-JPG."""

import re
from pathlib import Path
from typing import NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import (
    RESTORE,
    Drawn,
    ImageBoxes,
    from_sides,
    place_of,
    read_columns,
)

SIDES = ("x", "y", "w", "h")
COLUMNS = ("category_name", "path", *SIDES, "image_width", "image_height", "dicom_id")
CLASSES = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Lung Opacity",
    "Pleural Effusion",
    "Pneumonia",
    "Pneumothorax",
)
_PATIENT = re.compile(r"(?:^|/)p(\d{8})/s\d{8}/")


class Phrases(NamedTuple):
    """What the file states about one image.

    Attributes:
        path: of the JPEG file.
        patient: id.
        split: of version 1.1; empty in 1.0.
        boxes: of all phrases; a class without a box was not annotated.
    """

    path: str
    patient: str
    split: str
    boxes: ImageBoxes


def read_phrases(path: str | Path) -> dict[str, Phrases]:
    """Read the file.

    Args:
        path: the CSV file of version 1.0 or 1.1.

    Returns:
        Phrases by `dicom_id`. Boxes are in pixels of an image of the size that the file gives.

    Raises:
        InputError: the file cannot be read, a class is unknown, an image has two sizes, or a box is
            invalid.
    """
    sheet = read_columns(path, COLUMNS, ("label_text", "split"))
    found: dict[str, Phrases] = {}
    for line, cells in sheet.rows:
        row, image = f"line {line}", cells["dicom_id"].strip()
        try:
            size = int(float(cells["image_height"])), int(float(cells["image_width"]))
        except ValueError as error:
            raise InputError(
                f"{row}: the image's size is not a number", file=path, remedy=RESTORE
            ) from error
        phrases = found.setdefault(
            image,
            Phrases(
                cells["path"],
                _patient(cells["path"], path, row),
                cells.get("split", "").strip(),
                ImageBoxes(size=size),
            ),
        )
        if cells["category_name"] not in CLASSES:
            raise InputError(
                f"{row}: unknown class {cells['category_name']!r}",
                file=path,
                field="category_name",
                remedy=RESTORE,
            )
        if phrases.boxes.size != size:
            raise InputError(f"{row}: the image {image!r} has two sizes", file=path, remedy=RESTORE)
        box = from_sides([cells[name] for name in SIDES], path, row)
        phrases.boxes.add(cells["category_name"], Drawn(box, place_of(path, row)))
    return found


def _patient(image: str, path: str | Path, row: str) -> str:
    match = _PATIENT.search(image)
    if match is None:
        raise InputError(
            f"{row}: the path {image!r} names no patient", file=path, field="path", remedy=RESTORE
        )
    return match[1]
