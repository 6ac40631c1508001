"""What readers of boxes return, and the checks that every box passes."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.sources.table.spreadsheet import Sheet, read_sheet
from fidelity.masks.boxes import FloatBox

RESTORE = "Restore the file as it was downloaded"
# Coordinates that are shares of the image's height and width.
RELATIVE = (1, 1)


class Drawn(NamedTuple):
    """A box as a reader drew it.

    Attributes:
        box: (y0, x0, y1, x1), continuous.
        place: file and row, for errors.
        reader: who drew it; empty where the file does not name them.
    """

    box: FloatBox
    place: str
    reader: str = ""


@dataclass
class ImageBoxes:
    """The boxes of one image.

    Attributes:
        boxes: instances per class, in the order of the file. A class that is not here has no box;
            whether it was looked for is decided by the adapter of the data set.
        size: (height, width) of the image that the coordinates are pixels of, RELATIVE for shares;
            None where the file does not give it.
    """

    boxes: dict[str, list[Drawn]] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def add(self, cls: str, drawn: Drawn) -> None:
        """Add an instance of a class."""
        self.boxes.setdefault(cls, []).append(drawn)


def from_corners(corners: list[Any], path: str | Path, row: str) -> FloatBox:
    """Make a box of (x0, y0, x1, y1), numbers or their texts.

    Raises:
        InputError: one is not a finite number, or the box has no width or height.
    """
    x0, y0, x1, y1 = _numbers(corners, path, row)
    return _checked((y0, x0, y1, x1), path, row)


def from_sides(sides: list[Any], path: str | Path, row: str) -> FloatBox:
    """Make a box of (x, y, width, height); see `from_corners`."""
    x, y, width, height = _numbers(sides, path, row)
    return _checked((y, x, y + height, x + width), path, row)


def place_of(path: str | Path, row: str) -> str:
    """Name in a few words where a box was read."""
    return f"{Path(path).name}, {row}"


def read_columns(path: str | Path, needed: Sequence[str], optional: Sequence[str] = ()) -> Sheet:
    """Read a CSV file whose columns have fixed names.

    Args:
        path: the file.
        needed: columns that it must have.
        optional: columns that it may have.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    sheet = read_sheet(path, (*needed, *optional))
    check_present(sheet, needed, path)
    return sheet


def check_present(sheet: Sheet, needed: Iterable[str], path: str | Path) -> None:
    """Check that a table has some columns.

    Raises:
        InputError: the first that is missing.
    """
    for name in needed:
        if name not in sheet.columns:
            raise InputError("the column is missing", file=path, field=name, remedy=RESTORE)


def read_text(path: str | Path) -> str:
    """Read a text file in UTF-8.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as text ({error})", file=path, remedy=RESTORE) from error


def read_json(path: str | Path) -> Any:
    """Read an annotation file in JSON.

    Raises:
        InputError: it cannot be read, or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"the annotation file cannot be read ({error.strerror})", file=path, remedy=RESTORE
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"the file is not JSON ({error})", file=path, remedy=RESTORE) from error


def bare_rows(path: str | Path, fewest: int) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a CSV file whose header does not name its columns one by one.

    Args:
        path: the file, in UTF-8.
        fewest: cells that every row must have.

    Yields:
        Line and cells of each row below the header, blank rows left out.

    Raises:
        InputError: the file cannot be read, or a row is too short.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            rows = csv.reader(handle, strict=True)
            next(rows, None)
            for cells in rows:
                if len(cells) < fewest and any(cells):
                    raise InputError(
                        f"line {rows.line_num} has {len(cells)} cells; at least {fewest} are"
                        " expected",
                        file=path,
                        remedy=RESTORE,
                    )
                if any(cells):
                    yield rows.line_num, cells
    except OSError as error:
        raise InputError(
            f"the annotation file cannot be read ({error.strerror})", file=path, remedy=RESTORE
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as CSV ({error})", file=path, remedy=RESTORE) from error


def _numbers(values: list[Any], path: str | Path, row: str) -> list[float]:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        numbers = [math.nan]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise InputError(
            f"{row}: {values!r} is not a box of four numbers",
            file=path,
            remedy="Correct the row, or remove it",
        )
    return numbers


def _checked(box: FloatBox, path: str | Path, row: str) -> FloatBox:
    y0, x0, y1, x1 = box
    if x1 <= x0 or y1 <= y0:
        raise InputError(
            f"{row}: the box is {x1 - x0:g} wide and {y1 - y0:g} high",
            file=path,
            remedy="Correct the row, or remove it: width and height are above 0",
        )
    return box
