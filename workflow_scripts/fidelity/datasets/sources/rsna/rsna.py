"""RSNA Pneumonia Detection Challenge 2018 (Shih et al. 2019): opacity boxes on 26,684 images.

References: Target 1 is *drawn*; Target 0 is *read and nothing found*, an empty reference. Every
image of the file was read.

Splits: the challenge's test images have no labels, so the labelled ones are divided 70:10:20 by
patient, seeded. `patientId` is the id of an image; the patient is that of NIH, from the mapping
file.
"""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles, TableFile, locate, warn_of_unused
from fidelity.datasets.annotations.drawn import RESTORE, ImageBoxes, Row, read_json, read_rows
from fidelity.datasets.cases import Case
from fidelity.datasets.sources.nih.nih import patient_of
from fidelity.datasets.splits import seeded_split
from fidelity.settings.datasets import Rsna

masks_follow_labels = False

# Size of the challenge's DICOM files.
SIZE = (1024, 1024)
SIDES = ("x", "y", "width", "height")
CLASS, NEGATIVE = "Pneumonia", "No pneumonia"
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
WHERE = (
    "Download it from https://www.kaggle.com/c/rsna-pneumonia-detection-challenge with your own"
    " account"
)
tables = partial(
    locate,
    (
        TableFile(("stage_2_train_labels.csv",), "table"),
        TableFile(("stage_2_detailed_class_info.csv",), needed=False),
        TableFile((MAPPING,), "mapping", needed=False),
    ),
    WHERE,
)

log = logging.getLogger(__name__)


def find_cases(root: Path, settings: Rsna) -> Iterator[Case]:
    """Yield one case per image of the label file.

    Negatives have the labels of `stage_2_detailed_class_info.csv` (Normal, No Lung Opacity / Not
    Normal). Without this file, their label is `No pneumonia`.
    """
    labels, info, mapping = tables(root, settings)
    files, images = ImageFiles(root), read_boxes(labels)
    classes = {} if info is None else read_class_info(info)
    patients = {} if mapping is None else read_patients(mapping)
    unknown = len(images.keys() - patients.keys())
    if unknown:
        log.warning(
            "the patient of %d of %d images is unknown (not listed in %s): each of these images"
            " counts as one patient",
            unknown,
            len(images),
            MAPPING,
        )
    for image, drawn in images.items():
        patient = patients.get(image, image)
        yield Case(
            case=image,
            patient=patient,
            split=seeded_split(patient, settings.split_seed),
            labels=(CLASS if drawn.boxes else classes.get(image, NEGATIVE),),
            image=files.find(image),
            place=Row(labels, f"row of {image}").place,
            **drawn.fields([CLASS]),
        )
    warn_of_unused(files, labels.name)


def read_boxes(path: str | Path) -> dict[str, ImageBoxes]:
    """Read the labels of the second stage; semicolons as separators are also accepted.

    Returns:
        Every image of the file; one with Target 0 has no box: it was read, and nothing was found.

    Raises:
        InputError: the file cannot be read, or Target is neither 0 nor 1, or disagrees with the
            box.
    """
    found: dict[str, ImageBoxes] = {}
    for row in read_rows(path, ("patientId", *SIDES, "Target")):
        image = found.setdefault(row.cells["patientId"], ImageBoxes(size=SIZE))
        sides, target = [row.cells[name] for name in SIDES], row.cells["Target"]
        drawn = any(side.strip() for side in sides)
        if target not in ("0", "1") or drawn != (target == "1"):
            raise row.wrong(
                f"Target is {target!r}, and the box is {'given' if drawn else 'empty'}",
                "Target",
                "Target is 1 with a box, and 0 without one",
            )
        if drawn:
            image.add(CLASS, row.sides(sides))
    return found


def read_class_info(path: str | Path) -> dict[str, str]:
    """Read `stage_2_detailed_class_info.csv` (a row for each box): class by image."""
    rows = read_rows(path, ("patientId", "class"))
    return {row.cells["patientId"]: row.cells["class"] for row in rows}


def read_patients(path: str | Path) -> dict[str, str]:
    """Read the NIH patient of each image of the challenge: {image id: patient id}.

    Raises:
        InputError: the file cannot be read, or its entries have other keys.
    """
    content = read_json(path)
    try:
        return {
            entry["subset_img_id"]: patient_of(entry.get("img_id") or entry["img"])
            for entry in content
            if entry["subset_img_id"]
        }
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            "the entries do not list both subset_img_id and img_id", file=path, remedy=RESTORE
        ) from error
