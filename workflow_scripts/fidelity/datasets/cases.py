"""The case table: one row per image, with the paths of its masks relative to the data root."""

import csv
import math
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path
from fidelity.base.formulas import guard, unguard
from fidelity.datasets.annotations.drawn import Row
from fidelity.datasets.readers.names import SECOND, check_reader
from fidelity.datasets.sources.table.spreadsheet import CSV_REMEDY, read_sheet
from fidelity.datasets.splits import SPLITS
from fidelity.masks.boxes import FloatBox

SPLIT_ALIASES = {"valid": "val", "validation": "val"}
MASK_PREFIX = "mask:"
BOXES_PREFIX = "boxes:"
# Columns of the reader `second`; other readers have `mask@<reader>:<class>`.
SECOND_PREFIX = "second_mask:"
OF_READER, BOXES_OF_READER = "mask@", "boxes@"
# The value of a mask or boxes cell for: the image was read for the class, nothing was found.
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
# In the order in which they are written. An entry that ends with ":" or "@" is a prefix.
COLUMNS = (
    *HEAD,
    MASK_PREFIX,
    SECOND_PREFIX,
    OF_READER,
    BOXES_PREFIX,
    BOXES_OF_READER,
    *SPACING,
    SPACING_FROM,
    LUNG_FROM,
    UNCERTAIN,
    ORGAN_PREFIX,
    FACT_PREFIX,
    *TAIL,
)
Found = TypeVar("Found")


@dataclass(frozen=True)
class Case:
    """An image with its reference masks.

    Attributes:
        patient: patient id; equal to the case id if the source has no patient ids.
        split: `train`, `val` or `test`.
        labels: source classes, in the order given; a multilabel data set may have several or none.
        image: path relative to the data root, with "/".
        lung_mask: path of the lung mask; None if absent.
        masks: path of the reference mask per source class.
        width, height: native size of the image in pixels; None before indexing.
        digest: hash of the bytes of the image and its masks; empty before indexing.
        readers: reader → path of the reader's mask per source class. A mask in `masks` has no
            reader's name; it is treated as that of the reader `first`.
        spacing: (row, column) size of the image's pixels in mm; None if unknown.
        spacing_from: `table`, or the DICOM element from which the spacing was read. Then the
            spacing refers to the image itself, not to `box_size`. Empty without a spacing, and
            before indexing for sources whose spacing refers to `box_size`.
        lung_from: data set whose lung masks trained the model that predicted this lung mask; empty
            if the lung mask is provided or absent.
        uncertain: source classes that the image may or may not show. They are not among the labels,
            and are treated neither as present nor as absent.
        boxes: reference boxes per source class, one per instance: (y0, x0, y1, x1) in pixels of the
            image, or of an image of `box_size`. An empty entry means that the image was read for
            the class, and nothing was found. A class without an entry was not annotated with boxes.
        reader_boxes: the same by reader, if the source names the readers; `boxes` contains these
            too.
        box_size: (height, width) of the image whose pixels boxes and spacing refer to; (1, 1) for
            shares of the sides. None means the image itself, as always after indexing.
        organs: path of the mask per organ (`annotations.chexmask.ORGANS`), if there are any.
        facts: facts of the image or its patient, by stratum (`datasets.facts`). After indexing,
            only those that the setting `strata` requests.
        box_places: file and row of each box, for errors; not kept in the case table.
        place: file and row that name the image, for errors; not kept in the case table.
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
        """Source classes with a reference (a mask or boxes), including empty references."""
        return {*self.masks, *self.boxes}.union(*self.named_readers.values())

    @property
    def named_readers(self) -> dict[str, dict[str, str]]:
        """The entries of `readers` whose masks may be the reference; not `second`."""
        return {reader: masks for reader, masks in self.readers.items() if reader != SECOND}

    @property
    def mask_paths(self) -> list[str]:
        """Every mask of a class, including those of all readers."""
        return [path for masks in (self.masks, *self.readers.values()) for path in masks.values()]


def sort_key(case: Case) -> tuple[int, str]:
    """Order cases by split (train, val, test), then by id."""
    return SPLITS.index(case.split), case.case


def count_labels(cases: Iterable[Case], multilabel: bool) -> Counter[tuple[str, str]]:
    """Count cases by split and label. Each of several labels counts; "any" counts all cases."""
    if not multilabel:
        return Counter((case.split, "|".join(case.labels) or "no label") for case in cases)
    counts: Counter[tuple[str, str]] = Counter()
    for case in cases:
        counts.update((case.split, label) for label in ("any", *case.labels))
        counts.update((case.split, f"uncertain {label}") for label in case.uncertain)
    return counts


def relative_path(text: str, *, file: str | Path, field: str) -> str:
    """Normalise a path from a table, with "/"; it must stay below the data root.

    Raises:
        InputError: the path is absolute or leaves the root through ".."; it has `file` and `field`.
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
    """Read a case table that `write_cases` wrote, or a similar one; see `datasets.sources.table`.

    Columns: case, split, label, image; optional: patient, lung_mask, mask:<class>…,
    second_mask:<class>…, mask@<reader>:<class>…, boxes:<class>…, boxes@<reader>:<class>…,
    spacing_row, spacing_column (mm), spacing_from, lung_from, uncertain, organ:<organ>…,
    fact:<stratum>…, width, height, digest. Several labels are joined by "|". Boxes are written `x0
    y0 x1 y1; x0 y0 x1 y1`. An empty cell means "absent". In a cell of a mask or of boxes, `none`
    means "read, and nothing found".

    Raises:
        InputError: the file is missing, is not comma-separated text in UTF-8, lacks a column or has
            a cell that cannot be used.
    """
    sheet = read_sheet(path, REQUIRED)
    check_required(sheet.columns, path)
    # Other CSV variants are only accepted in tables of users, not in tables of this project.
    if sheet.notes:
        raise InputError(
            f"cannot be read as CSV in UTF-8 ({'; '.join(sheet.notes)})",
            file=path,
            remedy=CSV_REMEDY,
        )
    return [case_of(cells, path, line) for line, cells in sheet.rows]


def check_required(columns: Sequence[str], path: str | Path, hint: str = "") -> None:
    """Raise InputError if a case table lacks a required column; `hint` extends the remedy."""
    for name in REQUIRED:
        if name not in columns:
            raise InputError(
                f"the column {name!r} is missing (found: {', '.join(columns) or 'none'})",
                file=path,
                field=name,
                remedy=f"A case table has at least the columns {', '.join(REQUIRED)}{hint}",
            )


def write_cases(path: str | Path, cases: Iterable[Case]) -> None:
    """Write a case table that `read_cases` reads back unchanged; equal cases give equal bytes.

    Raises:
        InputError: a label contains "|", the separator of labels.
    """
    rows = [_row_of(case) for case in cases]
    columns = sorted({*HEAD, *TAIL}.union(*rows), key=_place_of)
    # The csv module is used instead of pandas: jobs that only need the table start half a second
    # sooner.
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _place_of(column: str) -> tuple[int, str]:
    """Order columns by COLUMNS, and columns with the same prefix by name."""
    beginnings = (
        place
        for place, name in enumerate(COLUMNS)
        if column == name or (name.endswith((":", "@")) and column.startswith(name))
    )
    return next(beginnings), column


def _row_of(case: Case) -> dict[str, Any]:
    """Return the cells of a case that are not blank."""
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
        "lung_mask": case.lung_mask,
        SPACING_FROM: case.spacing_from,
        LUNG_FROM: case.lung_from,
        UNCERTAIN: "|".join(case.uncertain),
        **{MASK_PREFIX + name: mask for name, mask in case.masks.items()},
        **{reader_column(r, c): m for r, of in case.readers.items() for c, m in of.items()},
        **{BOXES_PREFIX + name: boxes_cell(boxes) for name, boxes in case.boxes.items()},
        **{
            f"{BOXES_OF_READER}{r}:{c}": boxes_cell(boxes)
            for r, of in case.reader_boxes.items()
            for c, boxes in of.items()
        },
        **{ORGAN_PREFIX + name: mask for name, mask in case.organs.items()},
        **{FACT_PREFIX + name: fact for name, fact in case.facts.items()},
    }
    others = {
        "width": case.width,
        "height": case.height,
        "digest": case.digest,
        **dict(zip(SPACING, case.spacing or (None, None), strict=True)),
    }
    cells = {name: guard(text) for name, text in texts.items() if text}
    return cells | {name: cell for name, cell in others.items() if cell is not None}


def reader_column(reader: str, cls: str) -> str:
    """Return the column name of a reader's masks of a class."""
    return SECOND_PREFIX + cls if reader == SECOND else f"{OF_READER}{reader}:{cls}"


def readers_in(columns: Iterable[str]) -> set[str]:
    """Return the readers for whom a case table has columns of masks or boxes."""
    names = {SECOND for name in columns if name.startswith(SECOND_PREFIX)}
    for name in columns:
        if name.startswith((OF_READER, BOXES_OF_READER)):
            names.add(name.partition("@")[2].partition(":")[0])
    return names


def boxes_cell(boxes: Iterable[FloatBox]) -> str:
    """Format boxes as a cell of a case table: `x0 y0 x1 y1; …`, or `none`."""
    return "; ".join(" ".join(map(_shown, (x0, y0, x1, y1))) for y0, x0, y1, x1 in boxes) or NONE


def _shown(number: float) -> str:
    return repr(float(number)).removesuffix(".0")


def case_of(cells: Mapping[str, str], path: str | Path, line: int) -> Case:
    """Make a case from one row of a table: cells by column, its file and line.

    Raises:
        InputError: a cell cannot be used.
    """
    # Remove the guard that prevents spreadsheets from running cells as formulas.
    plain = {name: unguard(cell) for name, cell in cells.items()}
    row = Row(
        path, f"line {line}", {name: text for name, c in plain.items() if (text := c.strip())}
    )
    for name in ("case", "split", "image"):
        if name not in row.cells:
            raise row.wrong("there is an empty cell", name, "Fill it in")
    for name in ("case", "patient"):
        _check_id(row, name, plain.get(name, ""))

    def file(name: str) -> str:
        return relative_path(row.cells[name], file=path, field=f"{name}, {row.name}")

    def boxes(name: str) -> tuple[FloatBox, ...]:
        return read_boxes_cell(row.cells[name], path, f"{name}, {row.name}")

    def named(prefix: str, read: Callable[[str], Found]) -> dict[str, Found]:
        """Read the cells of columns `<prefix><name>`."""
        return {n.removeprefix(prefix): read(n) for n in row.cells if n.startswith(prefix)}

    def by_reader(prefix: str, read: Callable[[str], Found]) -> dict[str, dict[str, Found]]:
        """Read the cells of columns `<prefix><reader>:<class>`."""
        found: dict[str, dict[str, Found]] = {}
        for name, drawn in named(prefix, read).items():
            reader, _, cls = name.partition(":")
            check_reader(reader, file=path, field=prefix + name)
            found.setdefault(reader, {})[cls] = drawn
        return found

    readers = by_reader(OF_READER, file)
    if second := named(SECOND_PREFIX, file):
        readers[SECOND] = second | readers.get(SECOND, {})
    reader_boxes = by_reader(BOXES_OF_READER, boxes)
    together: dict[str, tuple[FloatBox, ...]] = {}
    for of in reader_boxes.values():
        together |= {cls: (*together.get(cls, ()), *found) for cls, found in of.items()}
    return Case(
        case=row.cells["case"],
        patient=row.cells.get("patient", row.cells["case"]),
        split=split_named(row.cells["split"], path, f"{row.name}: "),
        labels=_names(row.cells.get("label", "")),
        image=file("image"),
        lung_mask=file("lung_mask") if "lung_mask" in row.cells else None,
        masks=named(MASK_PREFIX, file),
        width=_pixels(row, "width"),
        height=_pixels(row, "height"),
        digest=row.cells.get("digest", ""),
        readers=readers,
        spacing=_spacing(row),
        spacing_from=row.cells.get(SPACING_FROM, ""),
        lung_from=row.cells.get(LUNG_FROM, ""),
        uncertain=_names(row.cells.get(UNCERTAIN, "")),
        boxes=together | named(BOXES_PREFIX, boxes),
        reader_boxes=reader_boxes,
        organs=named(ORGAN_PREFIX, file),
        facts=named(FACT_PREFIX, row.cells.__getitem__),
    )


def read_boxes_cell(cell: str, path: str | Path, where: str) -> tuple[FloatBox, ...]:
    """Read the format of `boxes_cell`, from a cell that is not blank: boxes (y0, x0, y1, x1).

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
        # Comparisons with nan are false, so this also rejects nan.
        if not (x1 > x0 and y1 > y0 and all(map(math.isfinite, (x0, y0, x1, y1)))):
            raise InputError(
                f"{text.strip()!r} is not a box of four numbers with width and height above 0",
                file=path,
                field=where,
                remedy="Write 'x0 y0 x1 y1' in pixels, with x1 above x0 and y1 above y0."
                f" Separate several boxes by ';'. Write {NONE!r} if nothing was found",
            )
        boxes.append((y0, x0, y1, x1))
    return tuple(boxes)


def split_named(name: str, path: str | Path, where: str = "") -> str:
    """Return the split for a name as tables write it, such as `valid` or ` Test`.

    Raises:
        InputError: no split has this name. The error begins with `where`, the place in the table.
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


def _check_id(row: Row, name: str, text: str) -> None:
    """Refuse ids that cannot be used in a file name or HDF5 attribute."""
    if len(text.strip()) > MAX_ID or any(
        unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text
    ):
        raise row.wrong(
            f"{text[:40]!r} has over {MAX_ID} characters or a control character",
            name,
            "Give it a shorter id of printable characters",
        )


def _names(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in cell.split("|") if name.strip()))


def _pixels(row: Row, name: str) -> int | None:
    text = row.cells.get(name)
    if text is None:
        return None
    # At most nine digits, because Python itself refuses to read thousands of digits.
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) == 0:
        raise row.wrong(
            f"{text!r} is not a number of pixels",
            name,
            "Leave the cell empty: the size is read from the image",
        )
    return int(text)


def _spacing(row: Row) -> tuple[float, float] | None:
    """Read the two spacing cells: both or none must be given, in millimetres above 0."""
    texts = [row.cells.get(name, "") for name in SPACING]
    if not any(texts):
        return None
    found = []
    for name, text in zip(SPACING, texts, strict=True):
        try:
            found.append(float(text))
        except ValueError:
            found.append(math.nan)
        if not (math.isfinite(found[-1]) and found[-1] > 0):
            raise row.wrong(
                f"{text!r} is not a distance in mm",
                name,
                f"Give a number above 0 in both {SPACING[0]} and {SPACING[1]}, or leave both empty",
            )
    return found[0], found[1]
