"""RSNA Pneumonia Detection Challenge 2018: `stage_2_train_labels.csv` and the mapping to NIH.

`patientId` is the id of an image. The patients are NIH's, by
`pneumonia-challenge-dataset-mappings_2018.json`.
"""

from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import (
    RESTORE,
    Drawn,
    ImageBoxes,
    from_sides,
    place_of,
    read_json,
)
from fidelity.datasets.annotations.nih import patient_of
from fidelity.datasets.sources.table.spreadsheet import read_sheet

# Of the DICOM files of the challenge.
SIZE = (1024, 1024)
LABELS = ("patientId", "x", "y", "width", "height", "Target")
CLASS = "Pneumonia"


def read_boxes(path: str | Path) -> dict[str, ImageBoxes]:
    """Read the labels of the second stage.

    Args:
        path: `stage_2_train_labels.csv`, also with semicolons.

    Returns:
        Every image of the file; one with Target 0 has no box: it was read, and nothing was found.

    Raises:
        InputError: the file cannot be read, Target is neither 0 nor 1, or disagrees with the box.
    """
    found: dict[str, ImageBoxes] = {}
    sheet = read_sheet(path, LABELS)
    _check_columns(sheet.columns, LABELS, path)
    for line, cells in sheet.rows:
        row, image = f"line {line}", found.setdefault(cells["patientId"], ImageBoxes(size=SIZE))
        sides = [cells[name] for name in LABELS[1:5]]
        drawn = any(side.strip() for side in sides)
        if cells["Target"] not in ("0", "1") or drawn != (cells["Target"] == "1"):
            raise InputError(
                f"{row}: Target is {cells['Target']!r}, and the box is"
                f" {'given' if drawn else 'empty'}",
                file=path,
                field="Target",
                remedy="Target is 1 with a box, and 0 without one",
            )
        if drawn:
            image.add(CLASS, Drawn(from_sides(sides, path, row), place_of(path, row)))
    return found


def read_class_info(path: str | Path) -> dict[str, str]:
    """Read `stage_2_detailed_class_info.csv`, which repeats a row for each box: class by image."""
    sheet = read_sheet(path, ("patientId", "class"))
    _check_columns(sheet.columns, ("patientId", "class"), path)
    return {cells["patientId"]: cells["class"] for _, cells in sheet.rows}


def read_patients(path: str | Path) -> dict[str, str]:
    """Read which NIH patient each image is of.

    Args:
        path: `pneumonia-challenge-dataset-mappings_2018.json`.

    Returns:
        {image id of the challenge: patient id of NIH}.

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
            "its entries have no subset_img_id with img_id", file=path, remedy=RESTORE
        ) from error


def _check_columns(columns: list[str], wanted: tuple[str, ...], path: str | Path) -> None:
    for name in wanted:
        if name not in columns:
            raise InputError("the column is missing", file=path, field=name, remedy=RESTORE)
