"""NIH ChestX-ray14: `BBox_List_2017.csv`, `Data_Entry_2017*.csv` and the lists of splits.

Both headers have commas inside the names of columns ("Bbox [x,y,w,h]",
"OriginalImage[Width,Height]"), so columns are taken by place.
"""

from pathlib import Path
from typing import NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import (
    RESTORE,
    Drawn,
    ImageBoxes,
    bare_rows,
    from_sides,
    place_of,
)

# Of the released PNG files, whatever the size of the original.
SIZE = (1024, 1024)
# The list of boxes writes one class in another way than the table of labels does.
SYNONYMS = {"Infiltrate": "Infiltration"}
CLASSES = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
)
BOXED = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
)
NO_FINDING = "No Finding"


class Entry(NamedTuple):
    """An image of the table of labels.

    Attributes:
        image: name of its file.
        patient: id.
        labels: findings; empty for "No Finding".
        view: PA or AP.
        sex: F or M.
        age: in years; with a unit in the table of 2017 (058Y).
        spacing: (row, column) size in mm of a pixel of the released image.
    """

    image: str
    patient: str
    labels: tuple[str, ...]
    view: str
    sex: str
    age: str
    spacing: tuple[float, float] | None


def patient_of(image: str) -> str:
    """Give the patient of an image: the first eight digits of its name, as one number."""
    return str(int(image[:8])) if image[:8].isdigit() else image


def read_boxes(path: str | Path) -> dict[str, ImageBoxes]:
    """Read the list of boxes.

    Args:
        path: `BBox_List_2017.csv`.

    Returns:
        Boxes by image, `Infiltrate` as `Infiltration`. An image or class that is not here was not
        annotated.

    Raises:
        InputError: the file cannot be read, a class is unknown, or a box is invalid.
    """
    found: dict[str, ImageBoxes] = {}
    for line, (image, name, *sides) in bare_rows(path, 6):
        cls = SYNONYMS.get(name.strip(), name.strip())
        row = f"line {line}"
        if cls not in CLASSES:
            raise InputError(f"{row}: unknown class {name!r}", file=path, remedy=RESTORE)
        box = from_sides(sides[:4], path, row)
        found.setdefault(image.strip(), ImageBoxes(size=SIZE)).add(
            cls, Drawn(box, place_of(path, row))
        )
    return found


def read_entries(path: str | Path) -> list[Entry]:
    """Read the table of labels, of 2017 or 2020.

    Args:
        path: `Data_Entry_2017.csv` or `Data_Entry_2017_v2020.csv`.

    Returns:
        The images in the order of the file.

    Raises:
        InputError: the file cannot be read, or a class is unknown.
    """
    entries = []
    for line, cells in bare_rows(path, 11):
        labels = tuple(name.strip() for name in cells[1].split("|") if name.strip() != NO_FINDING)
        for name in labels:
            if name not in CLASSES:
                raise InputError(f"line {line}: unknown class {name!r}", file=path, remedy=RESTORE)
        image = cells[0].strip()
        age, sex, view = cells[4:7]
        entries.append(
            Entry(image, patient_of(image), labels, view, sex, age, _spacing(cells[7:11]))
        )
    return entries


def _spacing(cells: list[str]) -> tuple[float, float] | None:
    """Scale the original's pixel spacing to the released image, which has another size."""
    try:
        width, height, column, row = map(float, cells)
    except ValueError:
        return None
    if min(width, height, column, row) <= 0:
        return None
    return row * height / SIZE[0], column * width / SIZE[1]
