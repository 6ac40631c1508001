"""NIH ChestX-ray14 (Wang et al. 2017): 112,120 images, boxes on 880 of its test split.

References: a box was *drawn*. A label, or no label, without a box was *not annotated*. No class was
*read and nothing found*, so no reference is empty.

Splits: patients of `train_val_list.txt` are in training. Patients of `test_list.txt` that have a
box are divided into validation and test, 1 to 2, seeded, because a threshold tuned on validation
needs boxes. All others of the list are in test.

In the headers of `BBox_List_2017.csv` and `Data_Entry_2017*.csv`, column names contain commas
("Bbox [x,y,w,h]", "OriginalImage[Width,Height]"). So columns are read by position.
"""

import logging
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles, TableFile, locate, warn_of_unused
from fidelity.datasets.annotations.drawn import RESTORE, ImageBoxes, Row, read_text
from fidelity.datasets.cases import Case
from fidelity.datasets.facts import facts_of
from fidelity.datasets.sources.table.spreadsheet import read_cells
from fidelity.datasets.splits import THIRDS, seeded_split

if TYPE_CHECKING:
    from fidelity.settings.datasets import Nih

multilabel = True
masks_follow_labels = False
partly_annotated = True
lungs_may_lack = True

# Size of the released PNG files, whatever the size of the original.
SIZE = (1024, 1024)
BOXED = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
)
CLASSES = known_classes = (
    *BOXED,
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Pleural_Thickening",
)
# The list of boxes spells one class differently from the table of labels.
SYNONYMS = {"Infiltrate": "Infiltration"}
NO_FINDING = "No Finding"
WHERE = "Download it from https://nihcc.app.box.com/v/ChestXray-NIHCC"
tables = partial(
    locate,
    (
        TableFile(("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"), "entries"),
        TableFile(("BBox_List_2017.csv",), "boxes"),
        TableFile(("train_val_list.txt",), needed=False),
        TableFile(("test_list.txt",), needed=False),
    ),
    WHERE,
)

log = logging.getLogger(__name__)


def find_cases(root: Path, settings: "Nih") -> Iterator[Case]:
    """Yield one case per image of the chosen `views`, in the order of the table of labels."""
    files = ImageFiles(root)
    labels, boxes, training, test = tables(root, settings)
    drawn = read_boxes(boxes)
    boxed = {patient_of(image) for image in drawn}
    trained, tested = _patients(training), _patients(test)
    if trained is None and tested is None:
        log.warning(
            "train_val_list.txt and test_list.txt were not found, so patients without a box are"
            " used for training"
        )

    def split_of(patient: str) -> str:
        official = patient in (trained or ()) or (tested is not None and patient not in tested)
        if official or (trained is None and tested is None and patient not in boxed):
            return "train"
        return seeded_split(patient, settings.split_seed, THIRDS) if patient in boxed else "test"

    for entry in read_entries(labels):
        if settings.views in ("all", entry.view):
            yield Case(
                case=entry.image.rpartition(".")[0],
                patient=entry.patient,
                split=split_of(entry.patient),
                labels=entry.labels,
                image=files.find(entry.image),
                spacing=entry.spacing,
                facts=facts_of(entry.view, entry.sex, entry.age, "report"),
                place=Row(labels, f"row of {entry.image}").place,
                # Also set for images without a box, because the spacing refers to this size.
                **drawn.get(entry.image, ImageBoxes(size=SIZE)).fields(),
            )
    warn_of_unused(files, labels.name)


class Entry(NamedTuple):
    """An image of the table of labels.

    Attributes:
        labels: findings; empty for "No Finding".
        age: in years; with a unit in the table of 2017 (058Y).
        spacing: (row, column) size in mm of a pixel of the released image.
    """

    image: str
    patient: str
    labels: tuple[str, ...]
    view: str
    sex: str
    age: str
    spacing: tuple[float, float] | None


def patient_of(image: str) -> str:
    """Return the patient of an image: the first eight digits of its name, as one number."""
    return str(int(image[:8])) if image[:8].isdigit() else image


def read_boxes(path: str | Path) -> dict[str, ImageBoxes]:
    """Read `BBox_List_2017.csv`.

    Returns:
        Boxes by image, with `Infiltrate` renamed to `Infiltration`. An image or class that is not
        listed was not annotated.

    Raises:
        InputError: the file cannot be read, a class is unknown, or a box is invalid.
    """
    found: dict[str, ImageBoxes] = {}
    for row, (image, name, *sides) in _rows(path, 6):
        cls = row.known(SYNONYMS.get(name.strip(), name), CLASSES)
        found.setdefault(image.strip(), ImageBoxes(size=SIZE)).add(cls, row.sides(sides[:4]))
    return found


def read_entries(path: str | Path) -> list[Entry]:
    """Read the table of labels, in the version of 2017 or 2020.

    Raises:
        InputError: the file cannot be read, or a class is unknown.
    """
    entries = []
    for row, cells in _rows(path, 11):
        names = (name.strip() for name in cells[1].split("|"))
        labels = tuple(row.known(name, CLASSES) for name in names if name != NO_FINDING)
        image = cells[0].strip()
        age, sex, view = cells[4:7]
        spacing = _spacing(cells[7:11])
        entries.append(Entry(image, patient_of(image), labels, view, sex, age, spacing))
    return entries


def _rows(path: str | Path, fewest: int) -> Iterator[tuple[Row, list[str]]]:
    """Read the rows below the header; each must have at least `fewest` cells."""
    for line, cells in islice(read_cells(path), 1, None):
        if len(cells) < fewest:
            raise InputError(
                f"line {line} has {len(cells)} cells; at least {fewest} are expected",
                file=path,
                remedy=RESTORE,
            )
        yield Row(path, f"line {line}"), cells


def _spacing(cells: list[str]) -> tuple[float, float] | None:
    """Scale the original's pixel spacing to the released image, which has another size."""
    try:
        width, height, column, row = map(float, cells)
    except ValueError:
        return None
    if min(width, height, column, row) <= 0:
        return None
    return row * height / SIZE[0], column * width / SIZE[1]


def _patients(listed: Path | None) -> set[str] | None:
    """Read the patients of a list of images, if there is one."""
    return None if listed is None else set(map(patient_of, read_text(listed).split()))
