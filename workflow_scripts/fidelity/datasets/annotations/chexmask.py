"""CheXmask: lung and heart masks for six data sets, one CSV file for each.

Columns are read by name: their order differs between files, and the id has the name that the data
set gives it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import RESTORE
from fidelity.datasets.sources.table.spreadsheet import read_sheet

IDS = ("Image Index", "image_id", "dicom_id", "ImageID", "Path")
ORGANS = ("Left Lung", "Right Lung", "Heart")
QUALITY = "Dice RCA (Mean)"
# Both lungs as one mask.
LUNGS = "Lungs"


def read_entries(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read the masks as entries of `mask_entries`: {image: {organ: entry}}.

    Args:
        path: the CSV file, of original resolution or preprocessed; corrections of physicians too,
            which give no size and are 1024 x 1024.

    Returns:
        Of every image the three organs and LUNGS, both lungs.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    found = {}
    for image, cells in _rows(path):
        try:
            size = [int(float(cells.get(side) or 1024)) for side in ("Height", "Width")]
        except ValueError as error:
            raise InputError(
                f"{image!r} has no size in pixels", file=path, remedy=RESTORE
            ) from error
        parts = {organ: [cells[organ]] for organ in ORGANS}
        parts[LUNGS] = [cells[organ] for organ in ORGANS[:2]]
        found[image] = {
            organ: {"size": size, "absolute_runs": runs} for organ, runs in parts.items()
        }
    return found


def read_quality(path: str | Path) -> dict[str, float]:
    """Read the estimated quality of each image's masks, a mean Dice from 0 to 1."""
    try:
        return {image: float(cells[QUALITY]) for image, cells in _rows(path)}
    except (KeyError, ValueError) as error:
        raise InputError(
            "has no numbers in the column", file=path, field=QUALITY, remedy=RESTORE
        ) from error


def _rows(path: str | Path) -> Iterator[tuple[str, dict[str, str]]]:
    sheet = read_sheet(path, (*IDS, *ORGANS, QUALITY, "Dice RCA (Max)", "Height", "Width"))
    key = next((name for name in IDS if name in sheet.columns), None)
    for name in ORGANS if key else (IDS[0], *ORGANS):
        if name not in sheet.columns:
            raise InputError("the column is missing", file=path, field=name, remedy=RESTORE)
    for _, cells in sheet.rows:
        yield cells[key], cells
