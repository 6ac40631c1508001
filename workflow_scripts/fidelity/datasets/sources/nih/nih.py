"""NIH ChestX-ray14 (Wang et al. 2017): 112,120 images, boxes on 880 of its test split.

References: a box was *drawn*; a label, or no label, without a box was *not annotated*.
Nothing was *read and not found*: there are no empty references.

Splits: patients of `train_val_list.txt` are in training. Patients of `test_list.txt` that have a
box are divided into validation and test, 1 to 2, seeded: a threshold tuned on validation needs
boxes. All others of the list are in test.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from fidelity.datasets.annotations import nih
from fidelity.datasets.annotations.drawn import place_of, read_text
from fidelity.datasets.annotations.references import (
    THIRDS,
    ImageFiles,
    drawn_boxes,
    find_table,
    optional_table,
    seeded_split,
)
from fidelity.datasets.cases import Case
from fidelity.datasets.facts import facts_of
from fidelity.settings.datasets import Nih

same_size = False
multilabel = True
masks_follow_labels = False
partly_annotated = True
lungs_may_lack = True
known_classes = nih.CLASSES

BOXES = ("BBox_List_2017.csv",)
LABELS = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
TRAINING, TEST = ("train_val_list.txt",), ("test_list.txt",)
WHERE = "Download it from https://nihcc.app.box.com/v/ChestXray-NIHCC"

log = logging.getLogger(__name__)


def find_cases(root: Path, settings: Nih) -> Iterator[Case]:
    """Find the images of the table of labels.

    Args:
        root: a folder above the images and tables, as downloaded.
        settings: `boxes`, `entries`, `views` and `split_seed`.

    Yields:
        One case per image of the chosen views, in the order of the table.

    Raises:
        InputError: a file is missing, or cannot be understood.
    """
    root = Path(root)
    files, labels, boxes, training, test = ImageFiles(root), *_tables(root, settings)
    drawn = nih.read_boxes(boxes)
    boxed = {nih.patient_of(image) for image in drawn}
    trained, tested = _patients(training), _patients(test)
    if trained is None and tested is None:
        log.warning(
            "train_val_list.txt and test_list.txt are not here: patients without a box are in"
            " training"
        )

    def split_of(patient: str) -> str:
        official = patient in (trained or ()) or (tested is not None and patient not in tested)
        if official or (trained is None and tested is None and patient not in boxed):
            return "train"
        return seeded_split(patient, settings.split_seed, THIRDS) if patient in boxed else "test"

    for entry in nih.read_entries(labels):
        if settings.views not in ("all", entry.view):
            continue
        yield Case(
            case=entry.image.rpartition(".")[0],
            patient=entry.patient,
            split=split_of(entry.patient),
            labels=entry.labels,
            image=files.find(entry.image),
            spacing=entry.spacing,
            facts=facts_of(entry.view, entry.sex, entry.age, "report"),
            place=place_of(labels, f"row of {entry.image}"),
            # Also of images without a box: the spacing is of this size.
            **drawn_boxes(drawn.get(entry.image)) | {"box_size": nih.SIZE},
        )
    files.report_unused(labels.name)


def _patients(listed: Path | None) -> set[str] | None:
    """Read the patients of a list of images, where there is one."""
    return None if listed is None else set(map(nih.patient_of, read_text(listed).split()))


def tables(root: Path, settings: Nih) -> list[Path]:
    """List the tables that are read."""
    root = Path(root)
    return [path for path in _tables(root, settings) if path]


def _tables(root: Path, settings: Nih) -> tuple[Path, Path, Path | None, Path | None]:
    return (
        find_table(root, settings.entries, LABELS, "entries", WHERE),
        find_table(root, settings.boxes, BOXES, "boxes", WHERE),
        optional_table(root, None, TRAINING, "root"),
        optional_table(root, None, TEST, "root"),
    )
