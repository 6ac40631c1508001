"""Images with boxes, polygons or run lengths in COCO's JSON.

References: a box or segmentation is *drawn*. A category of the file that an image has no annotation
of is *read and nothing found*, an empty reference.

Splits: one file each (`tables`), else drawn by patient, 70:10:20, seeded.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles
from fidelity.datasets.annotations import coco
from fidelity.datasets.annotations.drawn import Row
from fidelity.datasets.cases import Case
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.sources.containers.found_images import FoundImage, cases_of
from fidelity.settings.datasets import Coco

same_size = False
multilabel = True
masks_follow_labels = False


def find_cases(root: Path, settings: Coco) -> Iterator[Case]:
    """Yield one case per image that the files list."""
    files = ImageFiles(root)
    for split, table in _tables(root, settings):
        found, file = coco.read_boxes(table), table.relative_to(root).as_posix()
        images = {
            name: FoundImage(
                boxes,
                found.categories,
                Row(table, f"entry of {name}").place,
                split,
                {cls: reference_to(file, name, cls) for cls in sorted(found.shaped[name])},
            )
            for name, boxes in found.images.items()
        }
        yield from cases_of(images, files, settings)
    files.report_unused("the annotation files")


def tables(root: Path, settings: Coco) -> list[Path]:
    """Locate the annotation files."""
    return [path for _, path in _tables(root, settings)]


def _tables(root: Path, settings: Coco) -> list[tuple[str, Path]]:
    given = [(split, name) for split, name in settings.tables if name is not None]
    given = given or [("", settings.annotations)]
    for split, name in given:
        if not (root / name).is_file():
            raise InputError(
                f"the annotation file {name} was not found",
                file=root,
                field="tables" if split else "annotations",
                remedy="Give its path relative to root",
            )
    return [(split, root / name) for split, name in given]
