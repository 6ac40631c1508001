"""VinDr-CXR: boxes of PhysioNet's `annotations_*.csv` and of Kaggle's `train.csv`.

Three readers saw each training image; PhysioNet's test boxes are a consensus of five.
"""

from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import (
    RESTORE,
    Drawn,
    ImageBoxes,
    from_corners,
    place_of,
    read_columns,
)
from fidelity.datasets.sources.table.spreadsheet import read_sheet

CORNERS = ("x_min", "y_min", "x_max", "y_max")
COLUMNS = ("image_id", "class_name", *CORNERS)
OPTIONAL = ("class_id", "rad_id")
NO_FINDING = "No finding"
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
CLASSES = (
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


def read_boxes(path: str | Path) -> tuple[dict[str, ImageBoxes], dict[str, set[str]]]:
    """Read a file of boxes.

    Args:
        path: the CSV file.

    Returns:
        Boxes by image, and the readers of each image. An image with "No finding" has no box: it
        was read, and nothing was found; so was each class without a box.

    Raises:
        InputError: the file cannot be read, a class is unknown, or a box is invalid.
    """
    sheet = read_columns(path, COLUMNS, OPTIONAL)
    known = {name.casefold(): name for name in CLASSES}
    found: dict[str, ImageBoxes] = {}
    readers: dict[str, set[str]] = {}
    for line, cells in sheet.rows:
        image, row = found.setdefault(cells["image_id"], ImageBoxes()), f"line {line}"
        reader = cells.get("rad_id", "")
        readers.setdefault(cells["image_id"], set()).add(reader)
        if cells["class_name"].casefold() == NO_FINDING.casefold():
            continue
        cls = known.get(cells["class_name"].strip().casefold())
        if cls is None:
            raise InputError(
                f"{row}: unknown class {cells['class_name']!r}",
                file=path,
                field="class_name",
                remedy=RESTORE,
            )
        box = from_corners([cells[name] for name in CORNERS], path, row)
        image.add(cls, Drawn(box, place_of(path, row), reader))
    return found, readers


def read_sizes(path: str | Path) -> dict[str, tuple[int, int]]:
    """Read `train_meta.csv`, which comes with resized copies: original (height, width) by image."""
    sheet = read_sheet(path, ("image_id", "dim0", "dim1"))
    try:
        return {c["image_id"]: (int(c["dim0"]), int(c["dim1"])) for _, c in sheet.rows}
    except (KeyError, ValueError) as error:
        raise InputError(
            "has no whole numbers in the columns dim0 and dim1", file=path, remedy=RESTORE
        ) from error
