"""VinDr-CXR (Nguyen et al. 2022): boxes of 22 findings (Kaggle: 14), three readers per image.

References: a box is *drawn*. A finding without a box, as in all of "No finding", is *read and
nothing found*, an empty reference. Every reader looked for every finding. PhysioNet's test boxes
are a consensus of five readers.

Splits: PhysioNet's test split is kept, and a tenth of its training split becomes validation.
Kaggle's training part is divided 70:10:20. Both are by image, seeded, because patients are not
stated.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import (
    ImageFiles,
    TableFile,
    files_below,
    find_file,
    locate,
    warn_of_unused,
)
from fidelity.datasets.annotations.drawn import RESTORE, ImageBoxes, Row, read_rows
from fidelity.datasets.cases import Case
from fidelity.datasets.splits import SHARES, VALIDATION, seeded_split

if TYPE_CHECKING:
    from fidelity.settings.datasets import Vindr

KAGGLE_CLASSES = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
)
CLASSES = known_classes = (
    *KAGGLE_CLASSES,
    "Clavicle fracture",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Rib fracture",
)
NO_FINDING = "No finding"
CORNERS = ("x_min", "y_min", "x_max", "y_max")
TRAINING, TEST, KAGGLE = "annotations_train.csv", "annotations_test.csv", "train.csv"
WHERE = (
    "Download it from https://physionet.org/content/vindr-cxr (credentialed), or its training part"
    " from https://www.kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection"
)

multilabel = True
masks_follow_labels = False
lungs_may_lack = True


def find_cases(root: Path, settings: "Vindr") -> Iterator[Case]:
    """Yield one case per image of the files of boxes; with one reader chosen, only its images."""
    files, found = ImageFiles(root), False
    *tables_of_boxes, resized = tables(root, settings)
    sizes = {} if resized is None else read_sizes(resized)
    for table in tables_of_boxes:
        images, readers = read_boxes(table)
        classes = KAGGLE_CLASSES if table.name == KAGGLE else CLASSES
        for image, drawn in images.items():
            # The test split is a consensus, so it has no readers.
            one = settings.readers.startswith("R") and readers[image] != {""}
            if one and settings.readers not in readers[image]:
                continue
            found = True
            boxes = _chosen(drawn, settings.readers, readers[image])
            boxes.size = sizes.get(image)
            yield Case(
                case=image,
                patient=image,
                split=_split(table.name, image, settings.split_seed),
                labels=tuple(boxes.boxes),
                image=files.find(image),
                place=Row(table, f"row of {image}").place,
                **boxes.fields(classes),
                reader_boxes=drawn.by_reader(dict.fromkeys(sorted(readers[image]), classes)),
            )
    if not found:
        raise InputError(
            f"the reader {settings.readers!r} annotated no image",
            file=root,
            field="readers",
            remedy="Give a reader from the column rad_id, or set readers: all",
        )
    warn_of_unused(files, KAGGLE if table.name == KAGGLE else f"{TRAINING} or {TEST}")


def tables(root: Path, settings: "Vindr") -> list[Path | None]:
    """Locate the files of boxes, and the file of original sizes that comes with resized copies."""
    below = files_below(root, {".csv"})
    found = [p for name in (TRAINING, TEST) if (p := find_file(root, [name], below))]
    found = found or locate([TableFile([KAGGLE])], WHERE, root, settings)
    return [*found, find_file(root, ["train_meta.csv"], below)]


def read_boxes(path: str | Path) -> tuple[dict[str, ImageBoxes], dict[str, set[str]]]:
    """Read PhysioNet's `annotations_*.csv` or Kaggle's `train.csv`.

    Returns:
        Boxes by image, and the readers of each image. An image with "No finding" has no box: it was
        read, and nothing was found. The same is true for each class without a box.

    Raises:
        InputError: the file cannot be read, a class is unknown, or a box is invalid.
    """
    found: dict[str, ImageBoxes] = {}
    readers: dict[str, set[str]] = {}
    columns = ("image_id", "class_name", *CORNERS)
    for row in read_rows(path, columns, ("class_id", "rad_id")):
        image, name, *corners = (row.cells[column] for column in columns)
        reader = row.cells.get("rad_id", "")
        boxes = found.setdefault(image, ImageBoxes())
        readers.setdefault(image, set()).add(reader)
        if name.casefold() != NO_FINDING.casefold():
            boxes.add(row.known(name, CLASSES), row.corners(corners, reader))
    return found, readers


def read_sizes(path: str | Path) -> dict[str, tuple[int, int]]:
    """Read `train_meta.csv`: original (height, width) by image."""
    rows = read_rows(path, ("image_id", "dim0", "dim1"))
    try:
        return {r.cells["image_id"]: (int(r.cells["dim0"]), int(r.cells["dim1"])) for r in rows}
    except ValueError as error:
        raise InputError(
            "the columns dim0 and dim1 must hold whole numbers", file=path, remedy=RESTORE
        ) from error


def _chosen(drawn: ImageBoxes, which: str, readers: set[str]) -> ImageBoxes:
    if which == "all" or readers == {""}:
        return drawn
    if which != "majority":
        return drawn.only(lambda one: one.reader == which)
    # Imported here: `consensus` imports NumPy, but the config's models need only the classes.
    from fidelity.datasets.readers.consensus import agreed_boxes

    kept = {c: agreed_boxes(boxes, readers, which) for c, boxes in drawn.boxes.items()}
    return ImageBoxes({cls: boxes for cls, boxes in kept.items() if boxes}, drawn.size)


def _split(table: str, image: str, seed: int) -> str:
    if table == TEST:
        return "test"
    return seeded_split(image, seed, VALIDATION if table == TRAINING else SHARES)
