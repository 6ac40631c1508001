"""MS-CXR (Boecking et al. 2022): boxes of phrases on MIMIC-CXR-JPG.

References: a box is *drawn*. Every other class of the image is *not annotated*, because the boxes
are only for chosen phrases of a report. There are no empty references.

Splits: those of version 1.1. Version 1.0 has none; its patients are divided into validation and
test, 1 to 2, seeded. The data set has no training split: load a classifier, or train it on other
data.
"""

import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fidelity.datasets.acquisition.source_files import ImageFiles, TableFile, locate
from fidelity.datasets.annotations.drawn import RESTORE, ImageBoxes, Row, read_rows
from fidelity.datasets.annotations.shape_checks import raise_unless_size
from fidelity.datasets.cases import Case, split_named
from fidelity.datasets.splits import THIRDS, seeded_split

if TYPE_CHECKING:
    from fidelity.settings.datasets import MsCxr

CLASSES = known_classes = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Lung Opacity",
    "Pleural Effusion",
    "Pneumonia",
    "Pneumothorax",
)
SIDES = ("x", "y", "w", "h")
COLUMNS = ("category_name", "path", *SIDES, "image_width", "image_height", "dicom_id")
WHERE = (
    "Download it from https://physionet.org/content/ms-cxr (credentialed), and the images it names"
    " from https://physionet.org/content/mimic-cxr-jpg"
)
NAMES = ("MS_CXR_Local_Alignment_v1.1.0.csv", "MS_CXR_Local_Alignment_v1.0.0.csv")
tables = partial(locate, (TableFile(NAMES, "table"),), WHERE)
_PATIENT = re.compile(r"(?:^|/)p(\d{8})/s\d{8}/")

multilabel = True
masks_follow_labels = False
partly_annotated = True
lungs_may_lack = True


def find_cases(root: Path, settings: "MsCxr") -> Iterator[Case]:
    """Yield one case per image of the file of phrases, by its `dicom_id`.

    The root is above this file and MIMIC-CXR-JPG's folder `files`.
    """
    (table,) = tables(root, settings)
    files = None
    for image, phrases in read_phrases(table).items():
        path, patient = phrases.path, phrases.patient
        if not os.path.isfile(root / path):
            # Search only if the image is not at its published place: the folder has many files.
            files = files or ImageFiles(root)
            path = files.find(path)
        yield Case(
            case=image,
            patient=patient,
            split=split_named(phrases.split, table)
            if phrases.split
            else seeded_split(patient, settings.split_seed, THIRDS),
            labels=tuple(phrases.boxes.boxes),
            image=path,
            place=Row(table, f"row of {image}").place,
            **phrases.boxes.fields(),
        )


class Phrases(NamedTuple):
    """The rows of the file for one image.

    Attributes:
        split: split in version 1.1; empty in 1.0.
        boxes: boxes of all phrases; a class without a box was not annotated.
    """

    path: str
    patient: str
    split: str
    boxes: ImageBoxes


def read_phrases(path: str | Path) -> dict[str, Phrases]:
    """Read `MS_CXR_Local_Alignment_v*.csv` of version 1.0 or 1.1.

    Returns:
        Phrases by `dicom_id`. Boxes are in pixels of an image of the size that the file gives.

    Raises:
        InputError: the file cannot be read, a class is unknown, an image has two sizes, or a box is
            invalid.
    """
    found: dict[str, Phrases] = {}
    for row in read_rows(path, COLUMNS, ("label_text", "split")):
        cells, image = row.cells, row.cells["dicom_id"].strip()
        raise_unless_size(path, row.name, (cells["image_height"], cells["image_width"]))
        try:
            size = int(float(cells["image_height"])), int(float(cells["image_width"]))
        except ValueError as error:
            raise row.wrong("the image's size is not a number", remedy=RESTORE) from error
        patient = _PATIENT.search(cells["path"])
        if patient is None:
            raise row.wrong(
                f"the path {cells['path']!r} does not contain a patient", "path", RESTORE
            )
        split = cells.get("split", "").strip()
        new = Phrases(cells["path"], patient[1], split, ImageBoxes(size=size))
        boxes = found.setdefault(image, new).boxes
        if boxes.size != size:
            raise row.wrong(f"the image {image!r} has two different sizes", remedy=RESTORE)
        box = row.sides([cells[name] for name in SIDES])
        boxes.add(row.known(cells["category_name"], CLASSES), box)
    return found
