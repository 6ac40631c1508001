"""PadChest-GR (de Castro et al. 2025): boxes of report sentences on 4,555 images.

References: a label with boxes is *drawn*. A label without one (a finding of the whole image) is
*not annotated*. A label that the report does not have is *read and nothing found*, an empty
reference, because the reports name all findings.

Splits: the official ones of the master table.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.annotations import padchest_gr
from fidelity.datasets.annotations.drawn import place_of
from fidelity.datasets.annotations.references import ImageFiles, drawn_boxes, find_table
from fidelity.datasets.cases import Case, split_named
from fidelity.settings.datasets import PadchestGr

same_size = False
multilabel = True
masks_follow_labels = False
partly_annotated = True
lungs_may_lack = True

REPORTS, STUDIES = ("grounded_reports_20240819.json",), ("master_table.csv",)
WHERE = "Request it at https://bimcv.cipf.es/bimcv-projects/padchest-gr"


def find_cases(root: Path, settings: PadchestGr) -> Iterator[Case]:
    """Find the images of the grounded reports.

    Args:
        root: a folder above images and annotation files.
        settings: `readers`.

    Yields:
        One case per image.

    Raises:
        InputError: a file is missing or cannot be understood, or a study has no row.
    """
    root = Path(root)
    reports, studies = tables(root, settings)
    found, rows = padchest_gr.read_reports(reports), padchest_gr.read_studies(studies)
    names = {label for report in found.values() for label in report.labels}
    files, first = ImageFiles(root), settings.readers == "first"
    for image, report in found.items():
        if report.study not in rows:
            raise InputError(
                f"the study {report.study!r} of the image {image!r} has no row",
                file=studies,
                field="StudyID",
                remedy="Restore the file as it was downloaded",
            )
        patient, split = rows[report.study]
        yield Case(
            case=image.rpartition(".")[0] or image,
            patient=patient,
            split=split_named(split, studies),
            labels=report.labels,
            image=files.find(image),
            place=place_of(reports, f"entry of {image}"),
            **drawn_boxes(
                report.boxes,
                sorted(names.difference(report.labels)),
                lambda one: not (first and one.reader == padchest_gr.EXTRA),
            ),
        )
    files.report_unused(reports.name)


def tables(root: Path, settings: PadchestGr) -> list[Path]:
    """List the files that are read beside images."""
    root = Path(root)
    return [
        find_table(root, None, REPORTS, "root", WHERE),
        find_table(root, None, STUDIES, "root", WHERE),
    ]
