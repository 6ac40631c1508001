"""Rows of annotation files, the boxes that readers drew, and the checks for every row."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.readers.names import FIRST
from fidelity.datasets.sources.table.spreadsheet import plain, read_sheet
from fidelity.masks.boxes import FloatBox

RESTORE = "Restore the file as it was downloaded"
# The image size for coordinates that are shares of the image's height and width.
RELATIVE = (1, 1)
# A box leaves its image if a side is further outside, in pixels. Up to half a pixel is due to
# coordinates that were rounded to whole pixels.
ROUNDING = 0.51


class Drawn(NamedTuple):
    """A box as a reader drew it.

    Attributes:
        box: (y0, x0, y1, x1), continuous.
        place: file and row, for errors.
        reader: who drew it; empty if the file does not name the readers.
    """

    box: FloatBox
    place: str
    reader: str = ""


@dataclass
class ImageBoxes:
    """The boxes of one image.

    Attributes:
        boxes: instances per class, in the order of the file. A class that is missing here has no
            box; the module of the source decides whether the image was read for it.
        size: (height, width) of the image whose pixels the coordinates count; RELATIVE for shares;
            None if the file does not state it.
    """

    boxes: dict[str, list[Drawn]] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def add(self, cls: str, drawn: Drawn) -> None:
        """Add an instance of a class."""
        self.boxes.setdefault(cls, []).append(drawn)

    def only(self, keep: Callable[[Drawn], bool]) -> "ImageBoxes":
        """Return the boxes to keep, such as those of one reader."""
        kept = {cls: [one for one in drawn if keep(one)] for cls, drawn in self.boxes.items()}
        return ImageBoxes({cls: drawn for cls, drawn in kept.items() if drawn}, self.size)

    def fields(self, read: Iterable[str] = ()) -> dict[str, Any]:
        """Return the fields `boxes`, `box_size` and `box_places` of a case.

        Args:
            read: classes for which the image was read; without a box, nothing was found. All other
                classes without a box were not annotated.
        """
        drawn = self.boxes
        return {
            "boxes": {c: tuple(one.box for one in drawn.get(c, ())) for c in (*drawn, *read)},
            "box_size": self.size,
            "box_places": {c: tuple(one.place for one in found) for c, found in drawn.items()},
        }

    def by_reader(
        self, read: Mapping[str, Iterable[str]]
    ) -> dict[str, dict[str, tuple[FloatBox, ...]]]:
        """Return the boxes by reader and class, for the field `reader_boxes` of a case.

        Args:
            read: reader → classes that this reader looked for, with or without a box.

        Returns:
            An empty dictionary if no reader has a name. If some have one, the boxes without a name
            are those of the reader `first`.
        """
        found = {reader or FIRST: {cls: () for cls in classes} for reader, classes in read.items()}
        for cls, drawn in self.boxes.items():
            for one in drawn:
                of = found.setdefault(one.reader or FIRST, {})
                of[cls] = (*of.get(cls, ()), one.box)
        return {} if set(found) <= {FIRST} else found


@dataclass(frozen=True)
class Row:
    """A row of an annotation file, or an entry of another kind.

    Attributes:
        name: its name in errors, such as "line 3".
    """

    path: str | Path
    name: str
    cells: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """File and row in a few words."""
        return f"{Path(self.path).name}, {self.name}"

    def wrong(
        self, problem: str, column: str | None = None, remedy: str = "Correct the row, or remove it"
    ) -> InputError:
        """Return an error for a mistake in the row."""
        return InputError(f"{self.name}: {problem}", file=self.path, field=column, remedy=remedy)

    def known(self, name: str, classes: tuple[str, ...]) -> str:
        """Return a class as the data set writes it, ignoring case, blanks and underscores.

        Raises:
            InputError: the data set does not have the class.
        """
        cls = _spellings(classes).get(plain(name))
        if cls is None:
            raise self.wrong(f"unknown class {name!r}", remedy=RESTORE)
        return cls

    def corners(self, corners: Sequence[Any], reader: str = "") -> Drawn:
        """Make a box from (x0, y0, x1, y1), given as numbers or text.

        Raises:
            InputError: a value is not a finite number, or the box has no width or height.
        """
        x0, y0, x1, y1 = self._numbers(corners)
        if x1 <= x0 or y1 <= y0:
            raise self.wrong(
                f"the box is {x1 - x0:g} wide and {y1 - y0:g} high",
                remedy="Correct the row so that width and height are above 0, or remove the row",
            )
        return Drawn((y0, x0, y1, x1), self.place, reader)

    def sides(self, sides: Sequence[Any], reader: str = "") -> Drawn:
        """Make a box from (x, y, width, height); see `corners`."""
        x, y, width, height = self._numbers(sides)
        return self.corners((x, y, x + width, y + height), reader)

    def _numbers(self, values: Sequence[Any]) -> list[float]:
        try:
            numbers = [] if isinstance(values, str) else [float(value) for value in values]
        except (TypeError, ValueError, OverflowError):
            numbers = []
        if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
            raise self.wrong(f"{values!r} is not a box: four numbers are required")
        return numbers


@cache
def _spellings(classes: tuple[str, ...]) -> dict[str, str]:
    return {plain(name): name for name in classes}


def read_rows(
    path: str | Path, needed: Sequence[str], optional: Sequence[str] = (), remedy: str = RESTORE
) -> Iterator[Row]:
    """Read a CSV file whose columns have fixed names, required and optional ones.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    sheet = read_sheet(path, (*needed, *optional))
    check_present(sheet.columns, needed, path, remedy)
    return (Row(path, f"line {line}", cells) for line, cells in sheet.rows)


def check_present(
    columns: Iterable[str], needed: Iterable[str], path: str | Path, remedy: str = RESTORE
) -> None:
    """Raise InputError for the first column that is missing in a table."""
    for name in needed:
        if name not in columns:
            raise InputError("the column is missing", file=path, field=name, remedy=remedy)


def read_text(path: str | Path, encoding: str = "utf-8-sig") -> str:
    """Read a text file.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        return Path(path).read_text(encoding)
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise InputError(f"cannot be read as text ({error})", file=path, remedy=RESTORE) from error


def unreadable(path: str | Path, error: OSError) -> InputError:
    """Return an error for a file that cannot be opened."""
    return InputError(f"the file cannot be read ({error.strerror})", file=path, remedy=RESTORE)


def read_json(path: str | Path) -> Any:
    """Read an annotation file in JSON.

    Raises:
        InputError: the file cannot be read, or is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the file is not JSON ({error})", file=path, remedy=RESTORE) from error
