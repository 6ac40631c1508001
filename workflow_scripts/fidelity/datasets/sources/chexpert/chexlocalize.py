"""CheXpert (Irvin et al. 2019) with CheXlocalize's reference masks (Saporta et al. 2022).

Labels are from CheXpert's own CSV files. Masks are from CheXlocalize's JSON files, which exist only
for the validation and test splits. CheXpert has no lung masks of its own; CheXmask provides them.
Training labels are from reports, the others from radiologists.
"""

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.shape_checks import raise_if_number
from fidelity.datasets.cases import Case
from fidelity.datasets.facts import facts_of
from fidelity.datasets.mask_files.mask_entries import SIZE_KEY, is_drawn, read_entries
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.readers.names import SECOND
from fidelity.datasets.sources.chexpert.folder_layout import find_layout, image_finder
from fidelity.datasets.sources.chexpert.observation_names import (
    ALIASES,
    OBSERVATIONS,
    PATHOLOGIES,
    canonical,
)
from fidelity.datasets.sources.table.spreadsheet import read_sheet
from fidelity.settings.datasets import Chexlocalize

# Masks are drawn on the original image, and scored at its size. The image itself may be from
# CheXpert-v1.0-small.
native_is_mask = True
multilabel = True
# Masks, not labels, state what is annotated: training images have labels but no masks.
masks_follow_labels = False
# These published names are known to be correct. So if no image of a part of the data set has a
# class, its name is not a spelling error.
known_classes = OBSERVATIONS

LABELS_BY = {"train": "report"}
# Rows that are tried to find the base of the paths; several, because a copy may lack images.
TRIED = 50
VIEW_COLUMN = "Frontal/Lateral"
# Columns that only the training and validation splits have.
PROJECTION, SEX, AGE = "AP/PA", "Sex", "Age"
POSITIVE, NEGATIVE, UNCERTAIN, BLANK = "1", "0", "-1", ""
# A folder, then patient00001/study1/view1_frontal.jpg
_PATH = re.compile(r"(?:^|/)(patient\d+)/(study\d+)/(view\d+_(frontal|lateral))\.(?i:jpe?g|png)$")

log = logging.getLogger(__name__)


def find_cases(root: Path, settings: Chexlocalize) -> Iterator[Case]:
    """Yield one case per image of the chosen views, of all splits that have a label file.

    The order is that of the label files; the id is that of CheXlocalize. `masks` has the
    pathologies that are drawn. It also has empty references: for pathologies that are labelled
    positive, but not drawn on an image that was read.

    Raises:
        InputError: files are missing or ambiguous, or a cell cannot be understood.
    """
    layout = find_layout(root, settings)
    views, policy = settings.views, settings.uncertain
    second = settings.human_benchmark.segmentations
    for split, table in layout.tables.items():
        rows = list(read_rows(root / table))
        image_of = image_finder(root, root / table, [row.path for row in rows[:TRIED]])
        masks = layout.masks.get(split)
        missing: Counter[str] = Counter()
        for row in rows:
            if views not in ("all", row.view):
                continue
            # As in Irvin et al. 2019, section 3. Uncertain labels that are kept apart are excluded
            # from loss and metrics, or are their own class.
            as_positive = row.uncertain if policy == "ones" else ()
            case = Case(
                case=row.case,
                patient=row.patient,
                split=split,
                labels=(*row.positive, *as_positive),
                uncertain=() if policy in ("zeros", "ones") else row.uncertain,
                image=image_of(row.path),
                masks=_masks(root, masks, row.case, row.positive) if masks else {},
                readers={SECOND: _masks(root, second, row.case)}
                if second and split == "test"
                else {},
                facts={**row.facts, "label_source": LABELS_BY.get(split, "radiologists")},
            )
            if masks:
                missing.update(set(row.positive) & set(PATHOLOGIES) - set(case.masks))
            yield case
        for name, count in sorted(missing.items()):
            log.warning("%s: %d positive images of %s have no mask", split, count, name)


def tables(root: Path, settings: Chexlocalize) -> list[Path]:
    """List the label files, and the JSON files of masks and of the human benchmark."""
    layout = find_layout(root, settings)
    human = settings.human_benchmark
    names = (*layout.tables.values(), *layout.masks.values(), human.segmentations, human.points)
    return [root / name for name in names if name]


def _masks(root: Path, file: str, case: str, read: Collection[str] = ()) -> dict[str, str]:
    """Return references to the drawn masks, and empty masks of classes that were read."""
    by_class = read_entries(root / file).get(case, {})
    raise_if_number(by_class, PATHOLOGIES, root / file, case)
    return {
        name: reference_to(file, case, name)
        for name in PATHOLOGIES
        if is_drawn(by_class, name) or (name in read and (name in by_class or SIZE_KEY in by_class))
    }


@dataclass(frozen=True)
class Row:
    """One line of a label file.

    Attributes:
        path: the cell of the column Path.
        case: id as CheXlocalize writes it: patient64541_study1_view1_frontal.
        view: `frontal` or `lateral`.
        positive: observations marked 1.
        uncertain: observations marked -1.
        facts: view, sex and age group, if the file has them.
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

    Blank cells are negative, as in Irvin et al. 2019: the report does not mention the observation.
    Other columns are ignored.

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
            "the column Path is missing"
            if "Path" not in columns
            else "the columns of observations are missing",
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
            f"{said!r} is neither Frontal nor Lateral",
            file=path,
            field=f"{where}, {VIEW_COLUMN}",
            remedy="Use the label file that CheXpert comes with",
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
