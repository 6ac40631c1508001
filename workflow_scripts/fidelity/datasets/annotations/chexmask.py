"""CheXmask: lung and heart masks for six data sets, one CSV file for each.

Columns are read by name, because their order differs between files. The id column has the name that
the data set uses. Left and right are the patient's: the left lung is on the right of a frontal
image.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import RESTORE, check_present, unreadable
from fidelity.datasets.annotations.shape_checks import raise_unless_size
from fidelity.datasets.sources.table.spreadsheet import plain

IDS = ("Image Index", "image_id", "dicom_id", "ImageID", "Path")
ORGANS = ("Left Lung", "Right Lung", "Heart")
HEART = "heart"
# Organ, as cases, tables and figures name it → its column.
COLUMN_OF = dict(zip(("left_lung", "right_lung", HEART), ORGANS, strict=True))
QUALITY = "Dice RCA (Mean)"
# Name for both lungs as one mask.
LUNGS = "Lungs"
COLUMNS = (*IDS, *ORGANS, QUALITY, "Dice RCA (Max)", "Height", "Width")


class Row(NamedTuple):
    """The organs for which an image has masks, and their estimated quality.

    Attributes:
        quality: mean Dice from 0 to 1; None if the file has no such column.
        organs: those of ORGANS whose cell is not blank.
    """

    quality: float | None
    organs: tuple[str, ...]


class Entries(Mapping[str, dict[str, Any]]):
    """The masks as entries of `mask_entries`, {image: {organ: entry}}, read when they are needed.

    A whole file has gigabytes; only the position of each image's row is in memory. The file may
    have original resolution or be preprocessed. The corrections by physicians state no size; they
    are 1024 x 1024.
    """

    def __init__(self, path: str | Path) -> None:
        """Find the rows.

        Raises:
            InputError: the file cannot be read, or lacks a column.
        """
        self.path = path
        self._rows = {image: place for place, image, _ in _scanned(path)}

    def __getitem__(self, image: str) -> dict[str, Any]:
        """Return the masks of an image: one per organ column of the file, and LUNGS for both lungs.

        Raises:
            KeyError: the image has no row.
            InputError: the row has no size.
        """
        _, _, cells = next(_scanned(self.path, self._rows[image]))
        raise_unless_size(self.path, image, [cells.get("Height") or 0, cells.get("Width") or 0])
        try:
            size = [int(float(cells.get(side) or 1024)) for side in ("Height", "Width")]
        except ValueError as error:
            raise InputError(
                f"{image!r}: Height and Width are not both numbers of pixels",
                file=self.path,
                remedy=RESTORE,
            ) from error
        parts = {organ: [cells[organ]] for organ in ORGANS if organ in cells}
        parts[LUNGS] = [cells[organ] for organ in ORGANS[:2]]
        return {organ: {"size": size, "absolute_runs": runs} for organ, runs in parts.items()}

    def __iter__(self) -> Iterator[str]:
        """Yield the images in the order of the file."""
        return iter(self._rows)

    def __len__(self) -> int:
        """Count the images."""
        return len(self._rows)


def read_rows(path: str | Path, quality: bool = True) -> dict[str, Row]:
    """Read which masks there are, and their estimated quality.

    Raises:
        InputError: the file cannot be read, or lacks a column. If `quality` is False, the column of
            the quality may be missing.
    """
    found = {}
    for _, image, cells in _scanned(path):
        if quality and QUALITY not in cells:
            raise InputError(
                "the column is missing",
                file=path,
                field=QUALITY,
                remedy=f"{RESTORE}, or set lung_quality: 0 to use masks without an estimate",
            )
        try:
            given = float(cells[QUALITY]) if QUALITY in cells else None
        except ValueError as error:
            raise InputError(
                f"{image!r}: the cell in this column is not a number",
                file=path,
                field=QUALITY,
                remedy=RESTORE,
            ) from error
        found[image] = Row(given, tuple(o for o in ORGANS if cells.get(o, "").strip()))
    return found


def raise_if_rows_differ(path: str | Path, plain_name: Callable[[str], str]) -> None:
    """Raise InputError if two rows are of one image, but do not hold the same.

    Args:
        plain_name: makes the names of one image equal, with and without the file's ending.
    """
    seen: dict[str, tuple[str, int]] = {}
    for _, image, cells in _scanned(path):
        content = hash(tuple(cell for column, cell in cells.items() if column not in IDS))
        first, before = seen.setdefault(plain_name(image), (image, content))
        if content != before:
            raise InputError(
                f"the rows of {first!r} and {image!r} are of the same image, and they differ",
                file=path,
                field="lungs",
                remedy="Remove one of the two rows",
            )


def _scanned(path: str | Path, start: int = 0) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Yield (position in the file, image, cells) of each row from a position on (0: first row)."""
    try:
        with open(path, "rb") as handle:
            header = _cells(handle.readline(), path)
            known = {plain(name): name for name in COLUMNS}
            names = [known.get(plain(name), name) for name in header]
            key = next((name for name in IDS if name in names), IDS[0])
            check_present(names, (key, *ORGANS[:2]), path)
            if start:
                handle.seek(start)
            place = handle.tell()
            while line := handle.readline():
                # A cell between double quotes may hold line breaks.
                while line.count(b'"') % 2 and (more := handle.readline()):
                    line += more
                if line.strip():
                    cells = dict(zip(names, _cells(line, path, len(names)), strict=True))
                    yield place, cells[key], cells
                place = handle.tell()
    except OSError as error:
        raise unreadable(path, error) from error


def _cells(line: bytes, path: str | Path, width: int = 0) -> list[str]:
    """Split a row into cells; `width` is the number of cells that it must have."""
    try:
        cells = next(csv.reader([line.decode("utf-8-sig").strip("\r\n")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read as CSV ({error})", file=path, remedy=RESTORE) from error
    if width and len(cells) != width:
        raise InputError(
            f"the row of {cells[0]!r} has {len(cells)} cells, but the header has {width}",
            file=path,
            remedy=RESTORE,
        )
    return cells
