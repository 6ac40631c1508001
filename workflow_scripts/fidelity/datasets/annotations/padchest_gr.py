"""PadChest-GR: `grounded_reports_20240819.json` and `master_table.csv`.

Boxes are shares of the image: [x0, y0, x1, y1] from 0 to 1. `extra_boxes` are a second reader's.
"""

from pathlib import Path
from typing import NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import (
    RELATIVE,
    RESTORE,
    Drawn,
    ImageBoxes,
    from_corners,
    place_of,
    read_columns,
    read_json,
)

EXTRA = "extra"


class Report(NamedTuple):
    """What the reports state about one image.

    Attributes:
        study: its StudyID.
        labels: of all abnormal sentences, in order.
        boxes: of these labels; those of the second reader have the reader EXTRA. A label without a
            box was found and not drawn; no label: read, and nothing was found.
    """

    study: str
    labels: tuple[str, ...]
    boxes: ImageBoxes


class Study(NamedTuple):
    """A study of the master table: patient and official split."""

    patient: str
    split: str


def read_reports(path: str | Path) -> dict[str, Report]:
    """Read the grounded reports.

    Args:
        path: the JSON file.

    Returns:
        Reports by ImageID.

    Raises:
        InputError: the file cannot be read or has another layout, or a box is invalid or outside
            the image.
    """
    found = {}
    try:
        for entry in read_json(path):
            image, boxes, labels = entry["ImageID"], ImageBoxes(size=RELATIVE), {}
            for number, sentence in enumerate(entry["findings"], 1):
                # Sentences about what is normal lack these keys.
                if not sentence.get("abnormal"):
                    continue
                row = f"{image}, finding {number}"
                names = [name.strip() for name in sentence.get("labels") or []]
                labels.update(dict.fromkeys(names))
                for key, reader in (("boxes", ""), ("extra_boxes", EXTRA)):
                    for corners in sentence.get(key) or []:
                        drawn = _drawn(corners, path, row, reader)
                        for name in names:
                            boxes.add(name, drawn)
            found[image] = Report(str(entry["StudyID"]), tuple(labels), boxes)
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            "is not a list of studies with ImageID and findings", file=path, remedy=RESTORE
        ) from error
    return found


def read_studies(path: str | Path) -> dict[str, Study]:
    """Read patients and splits of the master table, which has a row for each label of a study."""
    sheet = read_columns(path, ("StudyID", "PatientID", "split"))
    return {cells["StudyID"]: Study(cells["PatientID"], cells["split"]) for _, cells in sheet.rows}


def _drawn(corners: list[float], path: str | Path, row: str, reader: str) -> Drawn:
    box = from_corners(corners, path, row)
    if min(box) < -0.01 or max(box) > 1.01:
        raise InputError(
            f"{row}: {corners!r} are not shares of the image from 0 to 1",
            file=path,
            remedy=RESTORE,
        )
    return Drawn(box, place_of(path, row), reader)
