"""MS-CXR (Boecking et al. 2022): boxes of phrases on MIMIC-CXR-JPG.

References: a box is *drawn*; every other class of the image is *not annotated*, because
the boxes follow chosen phrases of a report. There are no empty references.

Splits: those of version 1.1; version 1.0 has none, and its patients are divided into validation and
test, 1 to 2, seeded. The data set has no training split: load a classifier, or train it elsewhere.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from fidelity.datasets.annotations import ms_cxr
from fidelity.datasets.annotations.drawn import place_of
from fidelity.datasets.annotations.references import (
    THIRDS,
    ImageFiles,
    drawn_boxes,
    find_table,
    seeded_split,
)
from fidelity.datasets.cases import Case, split_named
from fidelity.settings.datasets import MsCxr

same_size = False
multilabel = True
masks_follow_labels = False
partly_annotated = True
lungs_may_lack = True
known_classes = ms_cxr.CLASSES

TABLES = ("MS_CXR_Local_Alignment_v1.1.0.csv", "MS_CXR_Local_Alignment_v1.0.0.csv")
WHERE = (
    "Download it from https://physionet.org/content/ms-cxr (credentialed), and the images it names"
    " from https://physionet.org/content/mimic-cxr-jpg"
)


def find_cases(root: Path, settings: MsCxr) -> Iterator[Case]:
    """Find the images of the file of phrases.

    Args:
        root: a folder above the table and MIMIC-CXR-JPG's folder `files`.
        settings: `table` and `split_seed`.

    Yields:
        One case per image, by its `dicom_id`.

    Raises:
        InputError: a file is missing, or cannot be understood.
    """
    root = Path(root)
    table = find_table(root, settings.table, TABLES, "table", WHERE)
    files = None
    for image, phrases in ms_cxr.read_phrases(table).items():
        path = phrases.path
        if not os.path.isfile(root / path):
            # Looked for only where the images do not lie as published: there are many others.
            files = files or ImageFiles(root)
            path = files.find(path)
        yield Case(
            case=image,
            patient=phrases.patient,
            split=_split(phrases, settings, table),
            labels=tuple(phrases.boxes.boxes),
            image=path,
            place=place_of(table, f"row of {image}"),
            **drawn_boxes(phrases.boxes),
        )


def tables(root: Path, settings: MsCxr) -> list[Path]:
    """List the tables that are read."""
    return [find_table(Path(root), settings.table, TABLES, "table", WHERE)]


def _split(phrases: ms_cxr.Phrases, settings: MsCxr, table: Path) -> str:
    if not phrases.split:
        return seeded_split(phrases.patient, settings.split_seed, THIRDS)
    return split_named(phrases.split, table)
