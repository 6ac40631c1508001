"""The case table: one row per image, with the paths of its masks relative to the data root."""

import csv
import math
import posixpath
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path
from fidelity.base.formulas import guard, unguard
from fidelity.datasets.readers.names import SECOND, check_reader
from fidelity.datasets.splits import SPLITS
from fidelity.masks.boxes import FloatBox

SPLIT_ALIASES = {"valid": "val", "validation": "val"}
MASK_PREFIX = "mask:"
BOXES_PREFIX = "boxes:"
# The mask of the reader `second`; those of others are `mask@<reader>:<class>`.
SECOND_PREFIX = "second_mask:"
OF_READER, BOXES_OF_READER = "mask@", "boxes@"
# In a cell of a mask or of boxes: the image was read for the class, and nothing was found.
NONE = "none"
SPACING = ("spacing_row", "spacing_column")
SPACING_FROM = "spacing_from"
LUNG_FROM = "lung_from"
UNCERTAIN = "uncertain"
ORGAN_PREFIX = "organ:"
FACT_PREFIX = "fact:"
MAX_ID = 500
REQUIRED = ("case", "split", "label", "image")
HEAD = ("case", "patient", "split", "label", "image", "lung_mask")
TAIL = ("width", "height", "digest")
Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class Case:
    """An image with its reference masks.

    Attributes:
        case: unique id.
        patient: patient id; equal to the case id where the source knows none.
        split: `train`, `val` or `test`.
        labels: source classes, in the order given; several or none in a multilabel data set.
        image: path relative to the data root, with "/".
        lung_mask: path of the lung mask; None if absent.
        masks: path of the reference mask per source class.
        width: native width of the image in pixels; None before indexing.
        height: native height in pixels; None before indexing.
        digest: hash of the bytes of the image and its masks; empty before indexing.
        readers: path of each reader's mask per source class, by reader; a mask of `masks` has no
            reader's name, and counts as that of the reader `first`.
        spacing: (row, column) size of the image's pixels in mm; None if unknown.
        spacing_from: `table`, or the DICOM element that the spacing was read from; empty before
            indexing or without a spacing.
        lung_from: data set whose lung masks the model of this case's lungs was trained on; empty
            where the lung mask is provided or absent.
        uncertain: source classes that the image may or may not show; they are not among the labels,
            and count neither as present nor as absent.
        boxes: reference boxes per source class, one per instance: (y0, x0, y1, x1) in pixels of the
            image, or of one of `box_size`. Without a box: the image was read for the class, and
            nothing was found. A class that is not here was not annotated with boxes.
        reader_boxes: the same by reader, where the source names them; `boxes` holds theirs too.
        box_size: (height, width) of the image that boxes and spacing are pixels of, (1, 1) for
            shares of the sides; None, as always after indexing, for the image itself.
        organs: path of the mask per organ (`annotations.chexmask.ORGANS`), where there are any.
        facts: what is known of the image or its patient, by stratum (`datasets.facts`): never more
            than the setting `strata` requests once it is indexed.
        box_places: file and row of each box, for errors; not kept in the case table.
        place: file and row that name the image, likewise.
    """

    case: str
    patient: str
    split: str
    labels: tuple[str, ...]
    image: str
    lung_mask: str | None = None
    masks: dict[str, str] = field(default_factory=dict)
    width: int | None = None
    height: int | None = None
    digest: str = ""
    readers: dict[str, dict[str, str]] = field(default_factory=dict)
    spacing: tuple[float, float] | None = None
    spacing_from: str = ""
    lung_from: str = ""
    uncertain: tuple[str, ...] = ()
    boxes: dict[str, tuple[FloatBox, ...]] = field(default_factory=dict)
    reader_boxes: dict[str, dict[str, tuple[FloatBox, ...]]] = field(default_factory=dict)
    box_size: tuple[int, int] | None = None
    organs: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    box_places: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    place: str = field(default="", compare=False)

    @property
    def annotated(self) -> set[str]:
        """Source classes with a reference, be it a mask or boxes, empty ones included."""
        return {*self.masks, *self.boxes}.union(*self.named_readers.values())

    @property
    def named_readers(self) -> dict[str, dict[str, str]]:
        """Those of `readers` whose masks may be the reference; of `second` alone there is none."""
        return {reader: masks for reader, masks in self.readers.items() if reader != SECOND}

    @property
    def mask_paths(self) -> list[str]:
        """Every mask of a class, those of all readers included."""
        return [path for masks in (self.masks, *self.readers.values()) for path in masks.values()]


def sort_key(case: Case) -> tuple[int, str]:
    """Order cases by split (train, val, test), then by id."""
    return SPLITS.index(case.split), case.case


def relative_path(text: str, *, file: str | Path, field: str) -> str:
    """Check a path from a table: it must stay below the data root.

    Args:
        text: the cell.
        file: the table, for the error.
        field: row and column, for the error.

    Returns:
        The path, normalised, with "/".

    Raises:
        InputError: the path is absolute or leaves the root through "..".
    """
    if text.startswith("/") or PureWindowsPath(text).drive or "\0" in text:
        raise InputError(
            f"the path {text!r} is absolute",
            file=file,
            field=field,
            remedy="Give it relative to the data root",
        )
    path = posixpath.normpath(text)
    if path == ".." or path.startswith("../"):
        raise InputError(
            f"the path {text!r} leaves the data root",
            file=file,
            field=field,
            remedy="Choose a root that contains all images and masks",
        )
    return path


def read_cases(path: str | Path) -> list[Case]:
    """Read a case table that `write_cases` wrote, or one like it; see `datasets.sources.table`.

    Columns: case, split, label, image; optional: patient, lung_mask, mask:<class>…,
    second_mask:<class>…, mask@<reader>:<class>…, boxes:<class>…, boxes@<reader>:<class>…,
    spacing_row, spacing_column (mm), spacing_from, lung_from, uncertain, organ:<organ>…,
    fact:<stratum>…, width, height, digest. Several labels are joined by "|". Boxes are written
    `x0 y0 x1 y1; x0 y0 x1 y1`. An empty cell means "absent", `none` in a cell of a mask or of boxes
    "read, and nothing found".

    Args:
        path: a CSV file in UTF-8.

    Returns:
        The cases in the order of the file.

    Raises:
        InputError: the file is missing, lacks a column or holds a cell that cannot be used.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            rows = csv.DictReader(handle, strict=True)
            columns = list(rows.fieldnames or [])
            check_required(columns, path)
            return [case_of(_whole(row, path, rows.line_num), path, rows.line_num) for row in rows]
    except OSError as error:
        raise InputError(
            f"the case table cannot be opened ({error.strerror})",
            file=path,
            remedy="Check the path in the config",
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot be read as CSV ({error})",
            file=path,
            remedy="Save the table as comma-separated text in UTF-8",
        ) from error


def check_required(columns: Sequence[str], path: str | Path, hint: str = "") -> None:
    """See that a case table has the columns it cannot do without.

    Args:
        columns: those it has.
        path: the table, named in the error.
        hint: added to the remedy.

    Raises:
        InputError: one is missing.
    """
    for name in REQUIRED:
        if name not in columns:
            raise InputError(
                f"the column {name!r} is missing (found: {', '.join(columns) or 'none'})",
                file=path,
                field=name,
                remedy=f"A case table has at least the columns {', '.join(REQUIRED)}{hint}",
            )


def write_cases(path: str | Path, cases: Iterable[Case]) -> None:
    """Write a case table that `read_cases` reads back equal, byte-identical for equal cases.

    Args:
        path: the CSV file, written atomically.
        cases: in the order to be written.

    Raises:
        InputError: a label contains "|", the separator of labels.
    """
    cases = list(cases)
    classes = sorted({name for case in cases for name in case.masks})
    by_reader = {
        reader_column(r, c) for case in cases for r in case.readers for c in case.readers[r]
    }
    boxed = sorted({name for case in cases for name in case.boxes})
    boxed_by = {
        f"{BOXES_OF_READER}{r}:{c}"
        for case in cases
        for r, boxes in case.reader_boxes.items()
        for c in boxes
    }
    columns = [
        *HEAD,
        *(MASK_PREFIX + name for name in classes),
        *sorted(by_reader, key=lambda name: (not name.startswith(SECOND_PREFIX), name)),
        *(BOXES_PREFIX + name for name in boxed),
        *sorted(boxed_by),
        *(SPACING if any(case.spacing for case in cases) else ()),
        *([SPACING_FROM] if any(case.spacing_from for case in cases) else ()),
        *([LUNG_FROM] if any(case.lung_from for case in cases) else ()),
        *([UNCERTAIN] if any(case.uncertain for case in cases) else ()),
        *sorted({ORGAN_PREFIX + name for case in cases for name in case.organs}),
        *sorted({FACT_PREFIX + name for case in cases for name in case.facts}),
        *TAIL,
    ]
    # The csv module rather than pandas: jobs that only need the table start half a second sooner.
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for case in cases:
            if any("|" in label for label in (*case.labels, *case.uncertain)):
                raise InputError(
                    f"the class name {'|'.join(case.labels)!r} contains the separator '|'",
                    field=case.case,
                    remedy="Rename the class",
                )
            texts = {
                "case": case.case,
                "patient": case.patient,
                "split": case.split,
                "label": "|".join(case.labels),
                "image": case.image,
                "lung_mask": case.lung_mask or "",
                **{MASK_PREFIX + name: mask for name, mask in case.masks.items()},
                **{reader_column(r, c): m for r, of in case.readers.items() for c, m in of.items()},
                **{BOXES_PREFIX + name: boxes_cell(boxes) for name, boxes in case.boxes.items()},
                **{
                    f"{BOXES_OF_READER}{r}:{c}": boxes_cell(boxes)
                    for r, of in case.reader_boxes.items()
                    for c, boxes in of.items()
                },
                **({SPACING_FROM: case.spacing_from} if case.spacing_from else {}),
                **({LUNG_FROM: case.lung_from} if case.lung_from else {}),
                **({UNCERTAIN: "|".join(case.uncertain)} if case.uncertain else {}),
                **{ORGAN_PREFIX + name: mask for name, mask in case.organs.items()},
                **{FACT_PREFIX + name: fact for name, fact in case.facts.items()},
            }
            writer.writerow(
                {
                    **{name: guard(text) for name, text in texts.items()},
                    "width": "" if case.width is None else case.width,
                    "height": "" if case.height is None else case.height,
                    "digest": case.digest,
                    **(dict(zip(SPACING, case.spacing, strict=True)) if case.spacing else {}),
                }
            )


def reader_column(reader: str, cls: str) -> str:
    """Name the column of a reader's masks of a class."""
    return SECOND_PREFIX + cls if reader == SECOND else f"{OF_READER}{reader}:{cls}"


def readers_in(columns: Iterable[str]) -> set[str]:
    """Name the readers whose masks or boxes a case table has columns of."""
    names = {SECOND for name in columns if name.startswith(SECOND_PREFIX)}
    for name in columns:
        if name.startswith((OF_READER, BOXES_OF_READER)):
            names.add(name.partition("@")[2].partition(":")[0])
    return names


def boxes_cell(boxes: Iterable[FloatBox]) -> str:
    """Write boxes as a cell of a case table: `x0 y0 x1 y1; …`, or `none`."""
    return "; ".join(" ".join(map(_shown, (x0, y0, x1, y1))) for y0, x0, y1, x1 in boxes) or NONE


def _shown(number: float) -> str:
    return repr(float(number)).removesuffix(".0")


def _whole(row: dict[Any, Any], path: str | Path, line: int) -> dict[str, str]:
    """See that a row has as many cells as the header."""
    if None in row or None in row.values():
        raise InputError(
            f"line {line} has {'more' if None in row else 'fewer'} cells than the header",
            file=path,
            remedy='Put cells that contain a comma between double quotes ("")',
        )
    return row


def case_of(row: Mapping[str, str], path: str | Path, line: int) -> Case:
    """Make a case of one row of a table.

    Args:
        row: cells by column.
        path: the table, named in errors.
        line: of the row, named in errors.

    Returns:
        The case.

    Raises:
        InputError: a cell cannot be used.
    """
    # What keeps a spreadsheet from running cells as formulas is undone.
    row = {name: unguard(cell) for name, cell in row.items()}
    where = f"line {line}"
    for name in ("case", "split", "image"):
        if not row[name].strip():
            raise InputError(
                f"{where} has an empty cell", file=path, field=name, remedy="Fill it in"
            )
    for name in ("case", "patient"):
        _check_id(row.get(name) or "", name, path, where)
    split = split_named(row["split"], path, f"{where}: ")

    def cell(name: str) -> str | None:
        text = (row.get(name) or "").strip()
        return relative_path(text, file=path, field=f"{name}, {where}") if text else None

    def masks(prefix: str) -> dict[str, str]:
        return {
            name.removeprefix(prefix): mask
            for name in row
            if name.startswith(prefix) and (mask := cell(name)) is not None
        }

    readers = _by_reader(row, OF_READER, cell, path)
    if second := masks(SECOND_PREFIX):
        readers[SECOND] = second | readers.get(SECOND, {})

    def boxes(name: str) -> tuple[FloatBox, ...] | None:
        text = row[name].strip()
        return read_boxes_cell(text, path, f"{name}, {where}") if text else None

    reader_boxes = _by_reader(row, BOXES_OF_READER, boxes, path)
    together: dict[str, tuple[FloatBox, ...]] = {}
    for of in reader_boxes.values():
        together |= {cls: (*together.get(cls, ()), *found) for cls, found in of.items()}
    return Case(
        case=row["case"].strip(),
        patient=(row.get("patient") or row["case"]).strip(),
        split=split,
        labels=_names(row["label"]),
        image=cell("image"),
        lung_mask=cell("lung_mask"),
        masks=masks(MASK_PREFIX),
        width=_pixels(row, "width", path, where),
        height=_pixels(row, "height", path, where),
        digest=row.get("digest") or "",
        readers=readers,
        spacing=_spacing(row, path, where),
        spacing_from=(row.get(SPACING_FROM) or "").strip(),
        lung_from=(row.get(LUNG_FROM) or "").strip(),
        uncertain=_names(row.get(UNCERTAIN) or ""),
        boxes=together
        | {
            name.removeprefix(BOXES_PREFIX): found
            for name in row
            if name.startswith(BOXES_PREFIX) and (found := boxes(name)) is not None
        },
        reader_boxes=reader_boxes,
        organs=masks(ORGAN_PREFIX),
        facts={
            name.removeprefix(FACT_PREFIX): row[name].strip()
            for name in row
            if name.startswith(FACT_PREFIX) and row[name].strip()
        },
    )


def _by_reader(
    row: Mapping[str, str], prefix: str, cell: Callable[[str], Drawn | None], path: str | Path
) -> dict[str, dict[str, Drawn]]:
    """Read the cells of columns `<prefix><reader>:<class>` that are not blank."""
    found: dict[str, dict[str, Drawn]] = {}
    for name in row:
        if name.startswith(prefix) and (drawn := cell(name)) is not None:
            reader, _, cls = name.removeprefix(prefix).partition(":")
            check_reader(reader, file=path, field=name)
            found.setdefault(reader, {})[cls] = drawn
    return found


def read_boxes_cell(cell: str, path: str | Path, where: str) -> tuple[FloatBox, ...]:
    """Read what `boxes_cell` writes.

    Args:
        cell: not blank.
        path: the table, named in errors.
        where: column and line, named in errors.

    Returns:
        The boxes (y0, x0, y1, x1); none for `none`.

    Raises:
        InputError: a box is not four finite numbers, or has no width or height.
    """
    if cell.strip().lower() == NONE:
        return ()
    boxes = []
    for text in cell.split(";"):
        try:
            x0, y0, x1, y1 = map(float, text.replace(",", " ").split())
        except ValueError:
            x0 = y0 = x1 = y1 = math.nan
        # Comparisons with nan are false.
        if not (x1 > x0 and y1 > y0 and all(map(math.isfinite, (x0, y0, x1, y1)))):
            raise InputError(
                f"{text.strip()!r} is not a box of some width and height",
                file=path,
                field=where,
                remedy="Write 'x0 y0 x1 y1' in pixels, several boxes with ';' between them, and"
                f" {NONE!r} where nothing was found",
            )
        boxes.append((y0, x0, y1, x1))
    return tuple(boxes)


def split_named(name: str, path: str | Path, where: str = "") -> str:
    """Give the split of a name as tables write it, such as `valid` or ` Test`.

    Args:
        name: the cell.
        path: the table, for the error.
        where: of the cell in it, put before the error.

    Raises:
        InputError: no split has that name.
    """
    split = name.strip().lower()
    split = SPLIT_ALIASES.get(split, split)
    if split not in SPLITS:
        raise InputError(
            f"{where}unknown split {name!r}",
            file=path,
            field="split",
            remedy=f"Use one of {', '.join(SPLITS)}",
        )
    return split


def _check_id(text: str, name: str, path: str | Path, where: str) -> None:
    """Refuse ids that no file name or HDF5 attribute could hold."""
    if len(text.strip()) > MAX_ID or any(
        unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text
    ):
        raise InputError(
            f"{where}: {text[:40]!r} has over {MAX_ID} characters or a control character",
            file=path,
            field=name,
            remedy="Give it a shorter id of printable characters",
        )


def _names(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in cell.split("|") if name.strip()))


def _pixels(row: dict[str, str], name: str, path: str | Path, where: str) -> int | None:
    text = row.get(name) or ""
    if not text:
        return None
    # Nine digits at most: Python itself refuses to read thousands of them.
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) == 0:
        raise InputError(
            f"{where}: {text!r} is not a number of pixels",
            file=path,
            field=name,
            remedy="Leave the cell empty: the size is read from the image",
        )
    return int(text)


def _spacing(row: dict[str, str], path: str | Path, where: str) -> tuple[float, float] | None:
    """Read the two spacing cells: both or none, millimetres above 0."""
    texts = [(row.get(name) or "").strip() for name in SPACING]
    if not any(texts):
        return None
    for name, text in zip(SPACING, texts, strict=True):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise InputError(
                f"{where}: {text!r} is not a distance in mm",
                file=path,
                field=name,
                remedy=f"Give a number above 0 in both {SPACING[0]} and {SPACING[1]}, or in none",
            )
    return float(texts[0]), float(texts[1])
