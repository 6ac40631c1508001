"""VinDr-CXR (Nguyen et al. 2022): boxes of 22 findings (Kaggle: 14), three readers for each image.

References: a box is *drawn*; a finding without a box, "No finding" above all, is *read
and nothing found*, an empty reference. Every reader looked for every finding.

Splits: PhysioNet's test split is kept, and a tenth of its training split becomes validation.
Kaggle's training part is divided 70:10:20. Both by image, seeded: patients are not given.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.annotations import vindr
from fidelity.datasets.annotations.drawn import ImageBoxes, place_of
from fidelity.datasets.annotations.references import (
    SHARES,
    VALIDATION,
    ImageFiles,
    boxes_by_reader,
    drawn_boxes,
    find_table,
    optional_table,
    seeded_split,
)
from fidelity.datasets.cases import Case
from fidelity.datasets.readers.consensus import agreed_boxes
from fidelity.settings.datasets import Vindr

same_size = False
multilabel = True
masks_follow_labels = False
lungs_may_lack = True
known_classes = vindr.CLASSES

TRAINING, TEST, KAGGLE = "annotations_train.csv", "annotations_test.csv", "train.csv"
SIZES = ("train_meta.csv",)
WHERE = (
    "Download it from https://physionet.org/content/vindr-cxr (credentialed), or its training part"
    " from https://www.kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection"
)


def find_cases(root: Path, settings: Vindr) -> Iterator[Case]:
    """Find the images of the files of boxes.

    Args:
        root: a folder above images and tables.
        settings: `readers` and `split_seed`.

    Yields:
        One case per image; with one reader chosen, those that the reader saw.

    Raises:
        InputError: a file is missing, or cannot be understood.
    """
    root = Path(root)
    files, found = ImageFiles(root), False
    resized = optional_table(root, None, SIZES, "root")
    sizes = {} if resized is None else vindr.read_sizes(resized)
    for table in _tables(root):
        images, readers = vindr.read_boxes(table)
        classes = vindr.KAGGLE_CLASSES if table.name == KAGGLE else vindr.CLASSES
        for image, drawn in images.items():
            # The consensus of the test split has no readers.
            one = settings.readers.startswith("R") and readers[image] != {""}
            if one and settings.readers not in readers[image]:
                continue
            found = True
            boxes = _chosen(drawn, settings.readers, readers[image])
            boxes.size = sizes.get(image)
            yield Case(
                case=image,
                patient=image,
                split=_split(table.name, image, settings),
                labels=tuple(boxes.boxes),
                image=files.find(image),
                place=place_of(table, f"row of {image}"),
                **drawn_boxes(boxes, classes),
                reader_boxes=boxes_by_reader(drawn, dict.fromkeys(readers[image], classes)),
            )
    if not found:
        raise InputError(
            f"no image was seen by the reader {settings.readers!r}",
            file=root,
            field="readers",
            remedy="Name a reader of the column rad_id, or set readers: all",
        )
    files.report_unused(KAGGLE if table.name == KAGGLE else f"{TRAINING} or {TEST}")


def tables(root: Path, settings: Vindr) -> list[Path]:
    """List the tables that are read."""
    root = Path(root)
    sizes = optional_table(root, None, SIZES, "root")
    return [*_tables(root), *([sizes] if sizes else [])]


def _tables(root: Path) -> list[Path]:
    both = [optional_table(root, None, [name], "root") for name in (TRAINING, TEST)]
    found = [path for path in both if path]
    return found or [find_table(root, None, [KAGGLE], "root", WHERE)]


def _chosen(drawn: ImageBoxes, which: str, readers: set[str]) -> ImageBoxes:
    if which == "all" or readers == {""}:
        return drawn
    if which == "majority":
        kept = {c: agreed_boxes(boxes, readers, which) for c, boxes in drawn.boxes.items()}
    else:
        kept = {cls: [b for b in boxes if b.reader == which] for cls, boxes in drawn.boxes.items()}
    return ImageBoxes({cls: boxes for cls, boxes in kept.items() if boxes}, drawn.size)


def _split(table: str, image: str, settings: Vindr) -> str:
    if table == TEST:
        return "test"
    return seeded_split(image, settings.split_seed, VALIDATION if table == TRAINING else SHARES)
