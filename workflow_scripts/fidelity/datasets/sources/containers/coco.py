"""Images with boxes, polygons or run lengths in COCO's JSON.

References: a box or segmentation is *drawn*. A category of the file that an image has no annotation
of is *read and nothing found*, an empty reference.

Splits: one file each (`tables`), else drawn by patient, 70:10:20, seeded.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.datasets.annotations import coco
from fidelity.datasets.annotations.drawn import place_of
from fidelity.datasets.annotations.references import ImageFiles, find_table
from fidelity.datasets.cases import Case
from fidelity.datasets.mask_files.mask_entries import reference_to
from fidelity.datasets.sources.containers.found_images import FoundImage, cases_of
from fidelity.settings.datasets import Coco

same_size = False
multilabel = True
masks_follow_labels = False


def find_cases(root: Path, settings: Coco) -> Iterator[Case]:
    """Find the images that the files list.

    Args:
        root: a folder above images and files.
        settings: `annotations` or `tables`, `patient` and `split_seed`.

    Yields:
        One case per image.

    Raises:
        InputError: a file is missing, or cannot be understood.
    """
    root = Path(root)
    files = ImageFiles(root)
    for split, table in _tables(root, settings):
        found, file = coco.read_boxes(table), table.relative_to(root).as_posix()
        images = {
            name: FoundImage(
                boxes,
                found.categories,
                place_of(table, f"entry of {name}"),
                split,
                {cls: reference_to(file, name, cls) for cls in sorted(found.shaped[name])},
            )
            for name, boxes in found.images.items()
        }
        yield from cases_of(images, files, settings)
    files.report_unused("the annotation files")


def tables(root: Path, settings: Coco) -> list[Path]:
    """List the annotation files."""
    return [path for _, path in _tables(Path(root), settings)]


def _tables(root: Path, settings: Coco) -> list[tuple[str, Path]]:
    given = [(split, name) for split, name in settings.tables if name is not None]
    given = given or [("", settings.annotations)]
    field = "tables" if given[0][0] else "annotations"
    remedy = "Give its path relative to root"
    return [(split, find_table(root, name, [], field, remedy)) for split, name in given]
