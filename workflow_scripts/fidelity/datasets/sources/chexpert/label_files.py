"""Reading CheXpert's label files: which images, whose, with which labels."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.facts import facts_of
from fidelity.datasets.sources.chexpert.observation_names import (
    ALIASES,
    OBSERVATIONS,
    canonical,
)
from fidelity.datasets.sources.table.spreadsheet import read_sheet

VIEW_COLUMN = "Frontal/Lateral"
# Of the training and validation split alone.
PROJECTION, SEX, AGE = "AP/PA", "Sex", "Age"
POSITIVE, NEGATIVE, UNCERTAIN, BLANK = "1", "0", "-1", ""
# Anything/patient00001/study1/view1_frontal.jpg
_PATH = re.compile(r"(?:^|/)(patient\d+)/(study\d+)/(view\d+_(frontal|lateral))\.(?i:jpe?g|png)$")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One line of a label file.

    Attributes:
        path: cell of the column Path.
        case: id as CheXlocalize writes it: patient64541_study1_view1_frontal.
        patient: patient64541.
        view: `frontal` or `lateral`.
        positive: observations marked 1.
        uncertain: observations marked -1.
        facts: view, sex and age group, as far as the file has them.
    """

    path: str
    case: str
    patient: str
    view: str
    positive: tuple[str, ...]
    uncertain: tuple[str, ...]
    facts: dict[str, str]


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the lines of a label file in order.

    Blank cells are negative, as in Irvin et al. 2019: the observation is not mentioned in the
    report. Columns that are no observation are passed over.

    Raises:
        InputError: a column is missing or a cell cannot be understood.
    """
    sheet = read_sheet(path, ("Path", VIEW_COLUMN, PROJECTION, SEX, AGE, *OBSERVATIONS, *ALIASES))
    for note in sheet.notes:
        log.info("%s: %s", path.name, note)
    columns = {canonical(name): name for name in sheet.columns}
    observed = [name for name in OBSERVATIONS if name in columns]
    if "Path" not in columns or not observed:
        raise InputError(
            "lacks the column Path" if "Path" not in columns else "has no observation",
            file=path,
            field="Path" if "Path" not in columns else OBSERVATIONS[1],
            remedy="Use the label file that CheXpert comes with",
        )
    for line, row in sheet.rows:
        where = f"line {line}"
        cells = {
            name: _label(row[columns[name]], path, f"{where}, {columns[name]}") for name in observed
        }
        yield _row(row, cells, path, where)


def _row(row: dict[str, str], cells: dict[str, str], path: Path, where: str) -> Row:
    name = row["Path"].strip().replace("\\", "/")
    found = _PATH.search(name)
    if found is None:
        raise InputError(
            f"{name!r} is not a path like train/patient00001/study1/view1_frontal.jpg",
            file=path,
            field=f"{where}, Path",
            remedy="Use the label file that CheXpert comes with",
        )
    patient, study, file, view = found.groups()
    said = (row.get(VIEW_COLUMN) or "").strip().lower()
    if said not in ("", "frontal", "lateral"):
        raise InputError(
            f"{said!r} is neither Frontal nor Lateral", file=path, field=f"{where}, {VIEW_COLUMN}"
        )
    return Row(
        path=name,
        case=f"{patient}_{study}_{file}",
        patient=patient,
        view=said or view,
        positive=tuple(key for key, value in cells.items() if value == POSITIVE),
        uncertain=tuple(key for key, value in cells.items() if value == UNCERTAIN),
        facts=facts_of(row.get(PROJECTION) or said or view, row.get(SEX), row.get(AGE)),
    )


def _label(cell: str, path: Path, field: str) -> str:
    # Excel writes 1,0 in countries with a decimal comma.
    value = cell.strip().replace(",", ".").removesuffix(".0")
    if value not in (POSITIVE, NEGATIVE, UNCERTAIN, BLANK):
        raise InputError(
            f"{cell!r} is not a label",
            file=path,
            field=field,
            remedy="Labels are 1, 0, -1 (uncertain) or blank (not mentioned)",
        )
    return value
