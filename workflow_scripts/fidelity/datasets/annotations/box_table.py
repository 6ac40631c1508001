"""A CSV file with a row for each box: case, class, corners or x, y, width, height, and reader.

Columns may have the names that annotation tools use. A row without coordinates means that the case
was read for the class and nothing was found. A row without coordinates and class means this for
every class.
"""

from dataclasses import dataclass, field
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import ImageBoxes, Row
from fidelity.datasets.annotations.shape_checks import raise_unless_size
from fidelity.datasets.readers.names import check_reader
from fidelity.datasets.sources.table.spreadsheet import filled, plain, read_sheet

# Field → the column names that it may have.
COLUMNS = {
    "case": ("case", "image", "image_file", "image_id", "file_name", "filename", "image_index"),
    "class": ("class", "label", "class_name", "category", "finding_label"),
    "reader": ("reader", "rad_id"),
    "x0": ("x0", "x_min", "xmin", "x1"),
    "y0": ("y0", "y_min", "ymin", "y1"),
    "x1": ("x_max", "xmax", "x2"),
    "y1": ("y_max", "ymax", "y2"),
}
CORNERS = ("x0", "y0", "x1", "y1")
SIDES = (("x", "y", "width", "height"), ("x", "y", "w", "h"))
SIZES = (("image_height", "image_width"), ("height", "width"))
REMEDY = "Name the columns case, class, and x0, y0, x1, y1 or x, y, width, height"


@dataclass
class ReadCase:
    """What the file states about one case.

    Attributes:
        read: (class, reader) without a box: read, and nothing found. The class "" means all
            classes.
        line: first line of the case.
    """

    boxes: ImageBoxes
    line: int
    read: list[tuple[str, str]] = field(default_factory=list)


def read_boxes(path: str | Path) -> dict[str, ReadCase]:
    """Read boxes and empty references by case.

    If there are also corners, width and height are those of the image.

    Raises:
        InputError: the file cannot be read, lacks columns, or a row is not a box.
    """
    sheet = read_sheet(path, [name for names in COLUMNS.values() for name in names])
    named = {plain(name): name for name in sheet.columns}

    def column(key: str) -> str | None:
        return next((named[one] for one in COLUMNS[key] if one in named), None)

    case, cls, reader = column("case"), column("class"), column("reader")
    # x1 is the left side if there is x2, and the right side if there is x0.
    corners = [named.get(key) if "x0" in named else column(key) for key in CORNERS]
    sides = [s for s in SIDES if all(name in named for name in s)]
    if case is None or cls is None or not (all(corners) or sides):
        raise InputError(
            f"has no columns of boxes (found: {', '.join(sheet.columns)})",
            file=path,
            remedy=REMEDY,
        )
    whole = SIZES if all(corners) else SIZES[:1]
    size = next((s for s in whole if all(name in named for name in s)), None)
    found: dict[str, ReadCase] = {}
    for line, cells in sheet.rows:
        cells = {name: filled(cell) for name, cell in cells.items()}
        row = Row(path, f"line {line}", cells)
        own = found.setdefault(cells[case], ReadCase(ImageBoxes(), line))
        if size and cells[named[size[0]]]:
            own.boxes.size = _size(row, [cells[named[name]] for name in size])
        given = corners if all(corners) else [named[name] for name in sides[0]]
        values = [cells[name] for name in given]
        name, drawn_by = cells[cls], cells[reader] if reader else ""
        if drawn_by:
            check_reader(drawn_by, file=path, field=f"{reader}, {row.name}")
        if not any(values):
            own.read.append((name, drawn_by))
            continue
        drawn = (row.corners if all(corners) else row.sides)(values, drawn_by)
        if not name:
            raise row.wrong("the box has no class", cls, REMEDY)
        own.boxes.add(name, drawn)
    return found


def _size(row: Row, cells: list[str]) -> tuple[int, int]:
    raise_unless_size(row.path, row.name, cells)
    try:
        height, width = (int(float(cell)) for cell in cells)
    except ValueError:
        height = width = 0
    if min(height, width) < 1:
        raise row.wrong(f"{' x '.join(cells)} is not a possible image size", remedy=REMEDY)
    return height, width
