"""Any data set described by a CSV table of its cases.

Required columns: case, split, label (several joined by "|"), image. Optional columns: patient,
lung_mask, spacing_row and spacing_column (mm per pixel of the image). Per annotated class, there
may be `mask:<class>` or `boxes:<class>`. Several readers have `mask@<reader>:<class>` or
`boxes@<reader>:<class>`; `second_mask:<class>` is the reader `second`. Other columns are ignored.
Paths are relative to the data root; PNG, JPEG, TIFF, BMP, WebP, DICOM (images) or GIF (masks). An
indexed table (cases.csv) can be given again. How the file may be written: see
`fidelity.datasets.sources.table.spreadsheet`. Boxes may also be rows of a second table (`boxes`).

References: a mask or box is *drawn*. `none`, or a row without coordinates, is *read and nothing
found*. A blank cell, or no row, is *not annotated*.
"""

import logging
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.base.suggestions import nearest, suggestion
from fidelity.datasets.acquisition.folders import check_root, is_clutter
from fidelity.datasets.annotations import box_table
from fidelity.datasets.annotations.drawn import Row
from fidelity.datasets.case_names import CaseNames
from fidelity.datasets.cases import (
    BOXES_OF_READER,
    BOXES_PREFIX,
    HEAD,
    LUNG_FROM,
    MASK_PREFIX,
    NONE,
    OF_READER,
    SECOND_PREFIX,
    SPACING,
    SPACING_FROM,
    TAIL,
    UNCERTAIN,
    Case,
    case_of,
    check_required,
)
from fidelity.datasets.pixel_spacing import REMEDY, is_plausible
from fidelity.datasets.sources.table.spreadsheet import Sheet, filled, plain, read_sheet
from fidelity.settings.datasets import Table

OWN = (*HEAD, *SPACING)
KNOWN = (*OWN, *TAIL, SPACING_FROM, LUNG_FROM)
MASKS = (MASK_PREFIX, SECOND_PREFIX, OF_READER)
NEEDED = ("case", "image", "split")
PATHS = ("image", "lung_mask", *MASKS)
BY_READER = (OF_READER, BOXES_OF_READER)
PREFIXES = (*MASKS, BOXES_PREFIX, BOXES_OF_READER)
# An unknown column whose name is this close to an absent known one is a spelling error.
CLOSE = 0.85
# What people write if they do not know the patient.
UNKNOWN = {"none", "unknown", "-", "?"}
# Cells and rows that are not read exactly as written; the log counts them.
BACKSLASHES = "paths with backslashes"
COMMAS = "pixel spacings with a decimal comma"
MISSING = "cells read as blank (nan, NA and the like)"
CLUTTER = "rows ignored (files of the operating system, ._*)"
CHANGES = (BACKSLASHES, COMMAS, MISSING, CLUTTER)
NA = "the label NA"
# Labels that are joined as in other tables.
_JOINED = re.compile(r"[;,]")
# A whole number with zeros before or after it, as spreadsheets and pandas change ids.
_NUMBER = re.compile(r"^0*(\d+)(?:\.0+)?$")
# A long number as a spreadsheet shows it: most of its digits are lost.
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"\s*\d*,\d+\s*")

log = logging.getLogger(__name__)


def find_cases(root: Path, settings: Table) -> Iterator[Case]:
    """Read the cases in the order of the table. Sizes and digests are read from the files later.

    Raises:
        InputError: the root or table is missing; a column is missing or misspelt; a cell cannot be
            used; or a label is blank and `task` is not multilabel.
    """
    path = table_path(Path(root), settings)
    sheet = read_table(path)
    notes = list(sheet.notes)
    used = _used_columns(path, sheet.columns, notes)
    rows = None if settings.boxes is None else box_table.read_boxes(root / settings.boxes)
    renamed = _mask_columns(path, sheet.columns, settings.annotated_classes, notes, bool(rows))
    counts: Counter[str] = Counter()
    cases: dict[int, Case] = {}  # by line
    unknown: dict[int, Case] = {}  # cases without a patient, by line
    for line, given in sheet.rows:
        row = {renamed.get(name, name): cell for name, cell in given.items() if name in used}
        row = {name: _read_as(name, cell, root, counts) for name, cell in row.items()}
        if is_clutter(row["image"].strip()):
            counts[CLUTTER] += 1
            continue
        cases[line] = _case(Row(path, f"line {line}", row), line)
        if not row.get("patient", "").strip():
            unknown[line] = cases[line]
    if not cases:
        raise InputError("the table lists no image", file=path, remedy="Add a row for each image")
    if counts[NA]:
        log.warning(
            "%s: the label NA of %d rows is read as the name of a class. Leave the cells blank if"
            " the class is not known",
            path.name,
            counts[NA],
        )
    _check_labels(path, cases)
    _check_patients(path, cases, unknown)
    blank = [line for line, case in cases.items() if not case.labels]
    if blank and settings.task != "multilabel":
        raise _blank_labels(path, blank)
    notes += [f"{what}: {counts[what]}" for what in CHANGES if counts[what]]
    for note in notes:
        log.info("%s: %s", path.name, note)
    if rows is None:
        yield from cases.values()
        return
    boxes = root / settings.boxes
    _check_classes(rows, boxes, cases.values(), settings.annotated_classes)
    yield from _with_boxes(list(cases.values()), rows, boxes, path)


def _read_as(name: str, cell: str, root: Path, counts: Counter[str]) -> str:
    """Return the value of a cell; count the cells that are not read exactly as written."""
    if name == "label" and cell.strip() == "NA":
        counts[NA] += 1  # NA may be the name of a class
    elif name not in NEEDED and cell.strip() and not filled(cell):
        counts[MISSING] += 1
        return ""
    elif name.startswith(PATHS) and "\\" in cell and not os.path.exists(root / cell.strip()):
        counts[BACKSLASHES] += 1
        return cell.replace("\\", "/")
    elif name in SPACING and _DECIMAL_COMMA.fullmatch(cell):
        counts[COMMAS] += 1
        return cell.replace(",", ".")
    return cell


def _case(row: Row, line: int) -> Case:
    """Make the case of a row."""
    _check_words(row)
    case = replace(case_of(row.cells, row.path, line), place=row.place)
    if case.spacing and not is_plausible(*case.spacing):
        raise row.wrong(
            f"{case.spacing[0]:g} x {case.spacing[1]:g} mm is not a possible pixel size",
            SPACING[0],
            REMEDY,
        )
    # It is of the image itself, whatever image the boxes of a second table were drawn on.
    return replace(case, spacing_from=case.spacing_from or ("table" if case.spacing else ""))


def _check_words(row: Row) -> None:
    """Refuse cells that would merge many people into one patient, or be read as a file."""
    patient = row.cells.get("patient", "").strip()
    if patient.lower() in UNKNOWN:
        raise row.wrong(
            f"{patient!r} would count as the name of one patient",
            "patient",
            "Leave the cell blank if the patient is not known",
        )
    for name in ("case", "patient"):
        if _SHORTENED.fullmatch(row.cells.get(name, "").strip()):
            raise row.wrong(
                f"{row.cells[name].strip()!r} is a long number that a spreadsheet has shortened, so"
                " different ids may have become one",
                name,
                "Format the column as text in the spreadsheet, and enter the ids again",
            )
    if row.cells.get("lung_mask", "").strip().lower() == NONE:
        raise row.wrong(
            "the lungs of an image are not empty",
            "lung_mask",
            "Name the mask of the lungs, or leave the cell blank if there is none",
        )
    for name, cell in row.cells.items():
        word = cell.strip()
        if name.startswith(MASKS) and word != NONE and word.lower() == NONE:
            raise row.wrong(
                f"the meaning of {word!r} is unclear",
                name,
                f"Write {NONE} (small letters) if the image was read and nothing was found. Leave"
                " the cell blank if it was not annotated",
            )


def _check_labels(path: Path, cases: Mapping[int, Case]) -> None:
    """Refuse labels that are joined by another character than a vertical bar."""
    lines = _first_lines((label, line) for line, case in cases.items() for label in case.labels)
    for label, line in lines.items():
        parts = [part.strip() for part in _JOINED.split(label)]
        if len(parts) > 1 and all(part in lines for part in parts):
            raise InputError(
                f"line {line}: {label!r} seems to be {len(parts)} labels",
                file=path,
                field="label",
                remedy=f"Join them by a vertical bar: {'|'.join(parts)}",
            )


def _first_lines(found: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the first line of each text, in the order of the table."""
    lines: dict[str, int] = {}
    for text, line in found:
        lines.setdefault(text, line)
    return lines


def _check_patients(path: Path, cases: Mapping[int, Case], unknown: Mapping[int, Case]) -> None:
    """Refuse patients that may not be distinct: intervals and splits depend on them.

    Args:
        path: path of the table.
        cases: cases by line.
        unknown: cases whose row has no patient; their patient is the case id.
    """
    lines = _first_lines((c.patient, line) for line, c in cases.items() if line not in unknown)
    if not lines:
        log.warning(
            "%s does not list patients (column 'patient'), so each image counts as one patient."
            " If patients have several images, intervals are too narrow",
            path.name,
        )
        return
    names: dict[str, str] = {}
    for patient, line in lines.items():
        other = names.setdefault(_NUMBER.sub(r"\1", patient.casefold()), patient)
        if other != patient:
            raise InputError(
                f"line {line}: the patient {patient!r} seems to be the same as {other!r} of line"
                f" {lines[other]}, written differently",
                file=path,
                field="patient",
                remedy="Always write a patient in the same way. If these are two patients,"
                " rename one of them",
            )
    for line, case in unknown.items():
        if case.case in lines:
            raise InputError(
                f"line {line}: the patient is blank, so the case id {case.case!r} is used, but"
                f" this is also the patient of line {lines[case.case]}",
                file=path,
                field="patient",
                remedy="Fill in the patient, or rename the case",
            )
    if unknown:
        log.warning(
            "%s: %d rows have no patient (first: line %d); each of these images counts as one"
            " patient",
            path.name,
            len(unknown),
            next(iter(unknown)),
        )


def _check_classes(
    rows: Mapping[str, box_table.ReadCase],
    boxes: Path,
    cases: Iterable[Case],
    annotated: Sequence[str],
) -> None:
    """Refuse unknown classes of boxes whose spelling is close to that of an annotated one."""
    known = {*annotated, *(name for case in cases for name in (*case.labels, *case.annotated))}
    for one in rows.values():
        drawn = {cls: found[0].place.rpartition(", ")[2] for cls, found in one.boxes.boxes.items()}
        for cls, row in (drawn | dict.fromkeys(dict(one.read), f"line {one.line}")).items():
            if cls and cls not in known and nearest(cls, annotated):
                raise InputError(
                    f"{row}: unknown class {cls!r}",
                    file=boxes,
                    field="class",
                    remedy=suggestion(cls, annotated, "Annotated classes"),
                )


def _with_boxes(
    cases: list[Case], rows: dict[str, box_table.ReadCase], boxes: Path, table: Path
) -> Iterator[Case]:
    """Add the boxes of a second table, whose rows name the case or its image."""
    named = {cls for one in rows.values() for cls in (*one.boxes.boxes, *dict(one.read)) if cls}
    classes = sorted(named)
    names = CaseNames(cases)
    by_case: dict[str, box_table.ReadCase] = {}
    strange, meant = [], {}
    for key, one in rows.items():
        case = names.find(key, boxes, "case", f"line {one.line}: ")
        if case is None:
            strange.append(key)
            continue
        if case in by_case:
            raise InputError(
                f"line {one.line}: {key!r} is the case of line {by_case[case].line},"
                f" {meant[case]!r}, written in another way",
                file=boxes,
                field="case",
                remedy="Write each case in one way",
            )
        by_case[case], meant[case] = one, key
    if strange:
        raise InputError(
            f"line {rows[strange[0]].line}: there is no case {strange[0]!r} in {table.name}"
            f"{f' ({len(strange)} cases like this)' if len(strange) > 1 else ''}",
            file=boxes,
            field="case",
            remedy="Add the case to the table, or remove its boxes",
        )
    for case in cases:
        own = by_case.get(case.case)
        if own is not None:
            if case.boxes:
                raise InputError(
                    f"line {own.line}: {table.name} has boxes of the case {case.case!r}, too",
                    file=boxes,
                    field="case",
                    remedy="Keep the boxes in one of the two tables",
                )
            read: dict[str, list[str]] = {}
            for cls, reader in own.read:
                read.setdefault(reader, []).extend([cls] if cls else classes)
            found = sorted({cls for looked_for in read.values() for cls in looked_for})
            by_reader = own.boxes.by_reader(read)
            case = replace(case, **own.boxes.fields(found), reader_boxes=by_reader)
        yield case


def columns_of(path: str | Path) -> list[str]:
    """Read the names of a table's columns; known columns have their known name."""
    return read_table(path).columns


def read_table(path: str | Path) -> Sheet:
    """Read a table of cases as written; see `fidelity.datasets.sources.table.spreadsheet`."""
    return read_sheet(path, KNOWN, PREFIXES)


def tables(root: Path, settings: Table) -> list[Path]:
    """List the tables that are read."""
    boxes = [] if settings.boxes is None else [Path(root) / settings.boxes]
    return [table_path(Path(root), settings), *boxes]


def table_path(root: Path, settings: Table) -> Path:
    """Locate the table."""
    check_root(root, "the folder of the images")
    path = root / settings.table
    if not path.is_file():
        raise InputError(
            "the table does not exist",
            file=path,
            field="table",
            remedy="Set 'table' of the data set to the CSV's path relative to 'root'",
        )
    return path


def _used_columns(path: Path, columns: list[str], notes: list[str]) -> set[str]:
    """Choose the columns that are read; refuse those that seem to be misspelt."""
    strange = [n for n in columns if n not in KNOWN and not n.startswith(PREFIXES)]
    check_required(columns, path, f"; rename {strange[0]!r} if that is it" if strange else "")
    absent = [name for name in OWN if name not in columns]
    misspelt = [name for name in strange if _is_misspelt(name, absent)]
    classless = [name for name in columns if name.startswith(BY_READER) and ":" not in name]
    for name in [*misspelt, *(prefix for prefix in PREFIXES if prefix in columns), *classless]:
        known = [*OWN, *(f"{p}{'<reader>:' * (p in BY_READER)}<class>" for p in PREFIXES)]
        raise InputError(
            "unknown column",
            file=path,
            field=name,
            remedy=f"Rename it, or remove it if it is something else. {suggestion(name, known)}",
        )
    if strange:
        notes.append(f"columns that are not used: {', '.join(strange)}")
    # Sizes and digests are read from the files themselves.
    return {*columns} - {*strange, *TAIL}


def _is_misspelt(name: str, absent: Collection[str]) -> bool:
    """Check whether an unknown column resembles an absent known one, or a column of masks."""
    short = plain(name).replace("_", "")
    if short.startswith(("mask", "secondmask", "boxes")) or name == UNCERTAIN:
        return True
    known = [one.replace("_", "") for one in absent]
    return bool(nearest(short, known, cutoff=CLOSE))


def _mask_columns(
    path: Path,
    columns: Sequence[str],
    annotated: Sequence[str],
    notes: list[str],
    boxed: bool = False,
) -> dict[str, str]:
    """Match each annotated class to its columns of masks.

    Returns:
        {column: its name as the config writes the class}, for columns that write a class with other
        upper and lower case or other spaces.
    """
    renamed = {}
    by_reader = [one.partition(":") for one in columns if one.startswith(BY_READER)]
    for name in annotated:
        of_readers = {f"{r}:{c}": f"{r}:{name}" for r, _, c in by_reader if plain(c) == plain(name)}
        renamed |= {old: new for old, new in of_readers.items() if new not in columns}
        for prefix in (MASK_PREFIX, SECOND_PREFIX, BOXES_PREFIX):
            wanted = prefix + name
            alike = [
                one for one in columns if one.startswith(prefix) and plain(one) == plain(wanted)
            ]
            if wanted not in columns and len(alike) == 1:
                renamed[alike[0]] = wanted
                notes.append(f"the column {alike[0]!r} is read as {wanted!r}")
            elif (
                wanted not in columns
                and prefix == MASK_PREFIX
                and not boxed
                and not of_readers
                and not any(plain(one) == plain(BOXES_PREFIX + name) for one in columns)
            ):
                masks = [column for column in columns if column.startswith(MASK_PREFIX)]
                raise InputError(
                    f"the annotated class {name!r} has no column {wanted!r}",
                    file=path,
                    field="annotated_classes",
                    remedy=suggestion(wanted, masks, "Mask columns there"),
                )
    unused = [
        name
        for name in columns
        if name.startswith(MASK_PREFIX)
        and annotated
        and name.removeprefix(MASK_PREFIX) not in annotated
        and name not in renamed
    ]
    if unused:
        notes.append(f"columns of classes that are not in annotated_classes: {', '.join(unused)}")
    return renamed


def _blank_labels(path: Path, lines: Sequence[int]) -> InputError:
    shown = ", ".join(map(str, lines[:10]))
    if len(lines) > 10:
        shown += f", … ({len(lines)} in total)"
    return InputError(
        f"the label is blank in line{'s' * (len(lines) > 1)} {shown}",
        file=path,
        field="label",
        remedy="Fill in the labels. If a blank label means that the image shows none of the"
        " classes, set task: multilabel for the data set",
    )
