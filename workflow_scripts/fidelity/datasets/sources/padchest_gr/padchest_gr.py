"""PadChest-GR (de Castro et al. 2025): boxes of report sentences on 4,555 images.

References: a label with boxes is *drawn*. A label without one (a finding of the whole image) is
*not annotated*. A label that the report does not have is *read and nothing found*, an empty
reference, because the reports name all findings.

Splits: the official ones of the master table.

Boxes are shares of the image: [x0, y0, x1, y1] from 0 to 1. `extra_boxes` are those of a second
reader.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles, TableFile, locate, warn_of_unused
from fidelity.datasets.annotations.drawn import (
    RELATIVE,
    RESTORE,
    Drawn,
    ImageBoxes,
    Row,
    read_json,
    read_rows,
)
from fidelity.datasets.cases import Case, split_named
from fidelity.settings.datasets import PadchestGr

EXTRA = "extra"
WHERE = "Request it at https://bimcv.cipf.es/bimcv-projects/padchest-gr"
FILES = (TableFile(("grounded_reports_20240819.json",)), TableFile(("master_table.csv",)))
tables = partial(locate, FILES, WHERE)

multilabel = True
masks_follow_labels = False
partly_annotated = True
lungs_may_lack = True


def find_cases(root: Path, settings: PadchestGr) -> Iterator[Case]:
    """Yield one case per image of the grounded reports, with the boxes of the chosen `readers`.

    Raises:
        InputError: a file is missing or cannot be understood, or a study has no row.
    """
    reports, studies = tables(root, settings)
    found, rows = read_reports(reports), read_studies(studies)
    names = {label for report in found.values() for label in report.labels}
    files, first = ImageFiles(root), settings.readers == "first"
    for image, report in found.items():
        if report.study not in rows:
            raise InputError(
                f"the study {report.study!r} of the image {image!r} has no row",
                file=studies,
                field="StudyID",
                remedy=RESTORE,
            )
        patient, split = rows[report.study]
        boxes = report.boxes.only(lambda one: not (first and one.reader == EXTRA))
        yield Case(
            case=image.rpartition(".")[0] or image,
            patient=patient,
            split=split_named(split, studies),
            labels=report.labels,
            image=files.find(image),
            place=Row(reports, f"entry of {image}").place,
            **boxes.fields(sorted(names.difference(report.labels))),
        )
    warn_of_unused(files, reports.name)


class Report(NamedTuple):
    """The content of the reports on one image.

    Attributes:
        labels: labels of all abnormal sentences, in order.
        boxes: boxes of these labels; those of the second reader have the reader EXTRA. A label
            without a box was found but not drawn. A missing label was read, and nothing was found.
    """

    study: str
    labels: tuple[str, ...]
    boxes: ImageBoxes


class Study(NamedTuple):
    """A study of the master table: patient and official split."""

    patient: str
    split: str


def read_reports(path: str | Path) -> dict[str, Report]:
    """Read the grounded reports by ImageID.

    Raises:
        InputError: the file cannot be read or has another layout, or a box is invalid or outside
            the image.
    """
    try:
        return {entry["ImageID"]: _report(entry, path) for entry in read_json(path)}
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            "is not a list of studies with ImageID and findings", file=path, remedy=RESTORE
        ) from error


def _report(entry: dict[str, Any], path: str | Path) -> Report:
    boxes, labels = ImageBoxes(size=RELATIVE), {}
    for number, sentence in enumerate(entry["findings"], 1):
        # Sentences about normal findings lack these keys.
        if not sentence.get("abnormal"):
            continue
        names = [name.strip() for name in sentence.get("labels") or []]
        labels.update(dict.fromkeys(names))
        for drawn in _drawn(sentence, Row(path, f"{entry['ImageID']}, finding {number}")):
            for name in names:
                boxes.add(name, drawn)
    return Report(str(entry["StudyID"]), tuple(labels), boxes)


def _drawn(sentence: dict[str, Any], row: Row) -> Iterator[Drawn]:
    for key, reader in (("boxes", ""), ("extra_boxes", EXTRA)):
        for corners in sentence.get(key) or []:
            drawn = row.corners(corners, reader)
            if min(drawn.box) < -0.01 or max(drawn.box) > 1.01:
                raise row.wrong(
                    f"{corners!r} are not fractions of the image from 0 to 1", remedy=RESTORE
                )
            yield drawn


def read_studies(path: str | Path) -> dict[str, Study]:
    """Read patients and splits from the master table, which has a row for each label of a study."""
    rows = read_rows(path, ("StudyID", "PatientID", "split"))
    return {r.cells["StudyID"]: Study(r.cells["PatientID"], r.cells["split"]) for r in rows}
