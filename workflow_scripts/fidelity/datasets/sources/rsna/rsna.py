"""RSNA Pneumonia Detection Challenge 2018 (Shih et al. 2019): boxes of opacities on 26,684 images.

What a reference says: Target 1 is *drawn*; Target 0 is *read and nothing found*, an empty
reference. Every image of the file was read.

Splits: the challenge's test images have no labels, so the labelled ones are divided 70:10:20 by
patient, seeded. `patientId` is the id of an image; the patient is NIH's, by the mapping file.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from fidelity.datasets.annotations import rsna
from fidelity.datasets.annotations.drawn import place_of
from fidelity.datasets.annotations.references import (
    SHARES,
    ImageFiles,
    drawn_boxes,
    find_table,
    optional_table,
    seeded_split,
)
from fidelity.datasets.cases import Case
from fidelity.settings.datasets import Rsna

same_size = False
masks_follow_labels = False

LABELS = ("stage_2_train_labels.csv",)
CLASS_INFO = ("stage_2_detailed_class_info.csv",)
MAPPING = ("pneumonia-challenge-dataset-mappings_2018.json",)
NEGATIVE = "No pneumonia"
WHERE = (
    "Download it from https://www.kaggle.com/c/rsna-pneumonia-detection-challenge with your own"
    " account"
)

log = logging.getLogger(__name__)


def find_cases(root: Path, settings: Rsna) -> Iterator[Case]:
    """Find the images of the label file.

    Args:
        root: a folder above images and tables.
        settings: `table`, `mapping` and `split_seed`.

    Yields:
        One case per image. Negatives are labelled as `stage_2_detailed_class_info.csv` says
        (Normal, No Lung Opacity / Not Normal), without it `No pneumonia`.

    Raises:
        InputError: a file is missing, or cannot be understood.
    """
    root = Path(root)
    labels, info, mapping = _tables(root, settings)
    files, images = ImageFiles(root), rsna.read_boxes(labels)
    classes = {} if info is None else rsna.read_class_info(info)
    patients = {} if mapping is None else rsna.read_patients(mapping)
    unknown = len(images.keys() - patients.keys())
    if unknown:
        log.warning(
            "the patient of %d of %d images is not known (no %s): each counts as a patient of its"
            " own",
            unknown,
            len(images),
            MAPPING[0],
        )
    for image, drawn in images.items():
        patient = patients.get(image, image)
        yield Case(
            case=image,
            patient=patient,
            split=seeded_split(patient, settings.split_seed, SHARES),
            labels=(rsna.CLASS if drawn.boxes else classes.get(image, NEGATIVE),),
            image=files.find(image),
            place=place_of(labels, f"row of {image}"),
            **drawn_boxes(drawn, [rsna.CLASS]),
        )
    files.report_unused(labels.name)


def tables(root: Path, settings: Rsna) -> list[Path]:
    """List the tables that are read."""
    return [path for path in _tables(Path(root), settings) if path]


def _tables(root: Path, settings: Rsna) -> tuple[Path, Path | None, Path | None]:
    return (
        find_table(root, settings.table, LABELS, "table", WHERE),
        optional_table(root, None, CLASS_INFO, "root"),
        optional_table(root, settings.mapping, MAPPING, "mapping"),
    )
