"""Any data set described by a CSV table of its cases.

Columns: case, split, label (several joined by "|"), image; optional: patient, lung_mask, one
`mask:<class>` per annotated class, one `second_mask:<class>` per class that a second reader has
marked, spacing_row and spacing_column (mm per pixel of the image). Paths are relative to the data
root; PNG, JPEG, TIFF, BMP, WebP, DICOM (images) or GIF (masks). An indexed table (cases.csv) can be
given again.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from fidelity.datasets.cases import (
    HEAD,
    LUNG_FROM,
    MASK_PREFIX,
    SECOND_PREFIX,
    SPACING,
    SPACING_FROM,
    TAIL,
    Case,
    check_required,
    read_cases,
    read_header,
)
from fidelity.errors import InputError
from fidelity.near import suggestion

# A mask may be drawn at another resolution than its image, as long as the aspect ratio agrees.
same_size = False


def find_cases(root: Path, settings: dict) -> Iterator[Case]:
    """Read the cases of a table.

    Args:
        root: the data root that the paths in the table are relative to.
        settings: `table`, the CSV file, relative to the root.

    Yields:
        The cases in the order of the table. Sizes and digests are read from the files later.

    Raises:
        InputError: the root or table is missing, a column is missing or unknown, or a cell is bad.
    """
    path = table_path(Path(root), settings)
    columns = _checked_columns(path)
    _check_mask_columns(path, columns, settings.get("annotated_classes", ()))
    yield from read_cases(path)


def tables(root: Path, settings: dict) -> list[Path]:
    """List the one table that is read."""
    return [table_path(Path(root), settings)]


def table_path(root: Path, settings: dict) -> Path:
    """Locate the table."""
    if not root.is_dir():
        raise InputError(
            "the data root does not exist",
            file=root,
            field="root",
            remedy="Set 'root' of the data set in the config to the folder of the images",
        )
    name = settings.get("table")
    if not name:
        raise InputError(
            "the source 'table' needs a table",
            field="table",
            remedy="Set 'table' of the data set in the config to a CSV file",
        )
    path = root / name
    if not path.is_file():
        raise InputError(
            "the table does not exist",
            file=path,
            field="table",
            remedy="Set 'table' of the data set to the CSV's path relative to 'root'",
        )
    return path


def _checked_columns(path: Path) -> list[str]:
    """Read the names of the columns; refuse what no reader knows."""
    own = [*HEAD, *SPACING]
    known = [*own, *TAIL, SPACING_FROM, LUNG_FROM]
    prefixes = (MASK_PREFIX, SECOND_PREFIX)
    columns = read_header(path)
    if len(columns) == 1 and ";" in columns[0]:
        raise InputError(
            "the columns are separated by semicolons",
            file=path,
            remedy="Save the table with commas",
        )
    strange = [n for n in columns if n not in known and not n.startswith(prefixes)]
    check_required(columns, path, f"; rename {strange[0]!r} if that is it" if strange else "")
    for name in columns:
        if columns.count(name) > 1:
            raise InputError(
                "the column stands twice in the table",
                file=path,
                field=name,
                remedy="Remove one of the two",
            )
        if name in known or (name.startswith(prefixes) and name not in prefixes):
            continue
        raise InputError(
            "unknown column",
            file=path,
            field=name,
            remedy=suggestion(name, [*own, *(prefix + "<class>" for prefix in prefixes)]),
        )
    return columns


def _check_mask_columns(path: Path, columns: list[str], annotated: Iterable[str]) -> None:
    """See that each annotated class has a column of masks."""
    for name in annotated:
        if MASK_PREFIX + name not in columns:
            masks = [column for column in columns if column.startswith(MASK_PREFIX)]
            raise InputError(
                f"the annotated class {name!r} has no column {MASK_PREFIX + name!r}",
                file=path,
                field="annotated_classes",
                remedy=suggestion(MASK_PREFIX + name, masks, "Mask columns there"),
            )
