"""Read CSV files as spreadsheets and statistics programs save them.

Cells may be separated by comma, semicolon or tab (also with a first line `sep=;`). The text may be
UTF-8, UTF-16 with a byte order mark, or Windows-1252. Column names may have any case, and spaces or
hyphens for underscores. A first column of row numbers, blank lines and blank columns are ignored.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fidelity.base.errors import InputError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
# First bytes of a .xlsx file (a zip archive) and of the older .xls.
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEP_LINE = re.compile(r'^"?sep=(.)"?$')
# What pandas, R and spreadsheets write to a cell without a value.
MISSING = {"nan", "na", "n/a", "#n/a", "<na>", "null"}
# The name that pandas gives to a column without a name.
_UNNAMED = re.compile(r"^unnamed: ?\d+$")
CSV_REMEDY = "Save the table as comma-separated text in UTF-8"


@dataclass(frozen=True)
class Sheet:
    """A table of text cells.

    Attributes:
        columns: the names, in the order of the file; known columns have their known name.
        rows: line in the file and cells by column; can be read only once; without blank rows.
        notes: deviations from a plain CSV file, for the log.
    """

    columns: list[str]
    rows: Iterator[tuple[int, dict[str, str]]]
    notes: list[str] = field(default_factory=list)


def read_sheet(path: str | Path, known: Sequence[str], prefixes: Sequence[str] = ()) -> Sheet:
    """Read a CSV file.

    Args:
        known: names of columns; they are found whatever their case, spaces and hyphens. Other
            columns keep their own name, without blanks around it.
        prefixes: prefixes of names whose rest is free, such as `mask:`.

    Raises:
        InputError: the file cannot be opened or decoded, is a workbook or is not a table; a row is
            longer or shorter than the header; or a column appears twice.
    """
    notes: list[str] = []
    text = _decoded(_bytes(path), path, notes)
    first, _, rest = text.partition("\n")
    if given := _SEP_LINE.match(first.strip("\r")):
        separator, text, skipped = given[1], rest, 1
    else:
        separator, skipped = _separator(first, known, path), 0
    if separator != ",":
        notes.append(f"cells are separated by {SEPARATORS.get(separator, repr(separator))}")
    lines = _parsed(text, separator, skipped, path)
    names = _named(next(lines, (1, []))[1], known, prefixes, notes)
    kept = [index for index, name in enumerate(names) if name and not _UNNAMED.match(name.lower())]
    if len(kept) < len(names):
        notes.append(f"columns ignored because they have no name: {len(names) - len(kept)}")
    columns = [names[index] for index in kept]
    for name in columns:
        if columns.count(name) > 1:
            raise InputError(
                f"the column {name!r} appears twice in the table",
                file=path,
                field=name,
                remedy="Remove one of the two",
            )
    return Sheet(columns, _rows(lines, len(names), kept, columns, separator, path), notes)


def read_cells(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Read lines and cells of a comma-separated file whose header does not name the columns."""
    return _parsed(_decoded(_bytes(path), path, []), ",", 0, path)


def _rows(
    lines: Iterator[tuple[int, list[str]]],
    width: int,
    kept: list[int],
    columns: list[str],
    separator: str,
    path: str | Path,
) -> Iterator[tuple[int, dict[str, str]]]:
    for line, cells in lines:
        extra = cells[width:]
        if len(cells) < width or any(cell.strip() for cell in extra):
            raise InputError(
                f"line {line} has {'more' if extra else 'fewer'} cells than the header",
                file=path,
                remedy=f'Put cells that contain {separator!r} between double quotes ("")',
            )
        yield line, {name: cells[index] for name, index in zip(columns, kept, strict=True)}


def plain(name: str) -> str:
    """Reduce a column's name to lower case, with one underscore for blanks and hyphens."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def filled(cell: str) -> str:
    """Return the text of a cell without blanks around it; empty if it means "no value"."""
    text = cell.strip()
    return "" if text.lower() in MISSING else text


def _bytes(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"the table cannot be opened ({error.strerror})",
            file=path,
            remedy="Check the path in the config",
        ) from error


def _decoded(data: bytes, path: str | Path, notes: list[str]) -> str:
    if data.startswith(WORKBOOKS):
        raise InputError(
            "the table is an Excel workbook, not CSV",
            file=path,
            remedy="In Excel, choose Save As and the format CSV UTF-8",
        )
    encoding = "utf-16" if data.startswith(WIDE) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            raise InputError(
                f"cannot be read as text ({error})", file=path, remedy=CSV_REMEDY
            ) from error
    if "\0" in text:
        raise InputError("cannot be read as text (NUL bytes)", file=path, remedy=CSV_REMEDY)
    if encoding != "utf-8-sig":
        notes.append(f"the text is {'UTF-16' if encoding == 'utf-16' else 'Windows-1252'}")
    return text if "\n" in text else text.replace("\r", "\n")


def _separator(header: str, known: Sequence[str], path: str | Path) -> str:
    """Choose the separator with which the first line has most known columns."""
    wanted = {plain(name) for name in known}
    found = {
        sign: len(wanted.intersection(map(plain, next(csv.reader([header], delimiter=sign), []))))
        for sign in SEPARATORS
    }
    best = max(found.values())
    chosen = [sign for sign, count in found.items() if count == best]
    if best and len(chosen) > 1 and any(sign in header for sign in chosen):
        listed = " or ".join(SEPARATORS[sign] for sign in chosen if sign in header)
        raise InputError(
            f"it is unclear whether cells are separated by {listed}", file=path, remedy=CSV_REMEDY
        )
    return chosen[0]


def _parsed(
    text: str, separator: str, skipped: int, path: str | Path
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with their lines."""
    # A cell may contain a line break; `line_num` counts the lines of the file.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield rows.line_num + skipped, cells
    except csv.Error as error:
        raise InputError(
            f"cannot be read as CSV ({error})", file=path, remedy=CSV_REMEDY
        ) from error


def _named(
    header: list[str], known: Sequence[str], prefixes: Sequence[str], notes: list[str]
) -> list[str]:
    """Return the known name of each column, or its own name."""
    by_plain = {plain(name): name for name in known}
    names = []
    for given in header:
        name = by_plain.get(plain(given), given.strip())
        head, colon, rest = given.partition(":")
        for prefix in prefixes:
            if colon and plain(head) == plain(prefix.rstrip(":")):
                name = prefix + rest.strip()
        names.append(name)
    renamed = [f"{a!r} as {b!r}" for a, b in zip(header, names, strict=True) if a.strip() != b]
    if renamed:
        notes.append(f"columns are read under other names: {', '.join(renamed)}")
    return names
