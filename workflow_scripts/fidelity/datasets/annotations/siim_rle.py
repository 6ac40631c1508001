"""SIIM-ACR Pneumothorax: `train-rle.csv` (stage 1) and `stage_2_train.csv`.

An image may have several rows: its mask is their union (torchxrayvision keeps the last alone).
"""

from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import RESTORE
from fidelity.datasets.sources.table.spreadsheet import read_sheet

CLASS = "Pneumothorax"
SIZE = [1024, 1024]
NOTHING = "-1"
COLUMNS = ("ImageId", "EncodedPixels")


def read_runs(path: str | Path) -> dict[str, list[str]]:
    """Read the run lengths of each image.

    Args:
        path: the CSV file; stage 1 has a blank before the name of its second column.

    Returns:
        {image: run lengths of each of its rows}; empty where the file says -1: the image was read,
        and nothing was found.

    Raises:
        InputError: the file cannot be read, or an image has both -1 and a mask.
    """
    sheet = read_sheet(path, COLUMNS)
    for name in COLUMNS:
        if name not in sheet.columns:
            raise InputError("the column is missing", file=path, field=name, remedy=RESTORE)
    found: dict[str, list[str]] = {}
    empty: set[str] = set()
    for line, cells in sheet.rows:
        image, text = cells["ImageId"].strip(), cells["EncodedPixels"].strip()
        runs = found.setdefault(image, [])
        if text == NOTHING:
            empty.add(image)
        else:
            runs.append(text)
        if runs and image in empty:
            raise InputError(
                f"line {line}: the image {image!r} has both -1 and a mask",
                file=path,
                field="EncodedPixels",
                remedy="Remove one of the two rows",
            )
    return found


def read_entries(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read the masks as entries of `mask_entries`: {image: {class: entry}}."""
    return {
        image: {CLASS: {"size": SIZE, "relative_runs": runs}}
        for image, runs in read_runs(path).items()
    }
