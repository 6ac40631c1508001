"""Images with boxes in Pascal VOC's XML, or with boxes, polygons and ellipses in CVAT's.

References: a box or shape is *drawn*. A class of the files that an image has no object of is *read
and nothing found*, an empty reference.

Splits: Pascal's `ImageSets/Main/{train,val,test}.txt`, else drawn by patient, 70:10:20, seeded.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.source_files import ImageFiles, files_below
from fidelity.datasets.annotations import voc
from fidelity.datasets.annotations.drawn import Row, read_text
from fidelity.datasets.cases import Case
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.sources.containers.found_images import FoundImage, cases_of
from fidelity.datasets.splits import SPLITS
from fidelity.settings.datasets import Voc

same_size = False
multilabel = True
masks_follow_labels = False


def find_cases(root: Path, settings: Voc) -> Iterator[Case]:
    """Yield one case per image of all XML files.

    Raises:
        InputError: there is no XML file, one cannot be understood, or two are of one image.
    """
    files, images, splits = ImageFiles(root), {}, _splits(root)
    for file in files_below(root, {".xml"}):
        shapes = voc.read_entries(root / file) if voc.is_cvat(root / file) else {}
        for name, boxes in voc.read_boxes(root / file).items():
            if name in images:
                raise InputError(
                    f"the image {name!r} is also in {images[name].place}",
                    file=root / file,
                    remedy="Remove one of the two files",
                )
            masks = {cls: reference_to(file, name, cls) for cls in shapes.get(name, {})}
            stem = name.rpartition("/")[2].rpartition(".")[0]
            place = Row(root / file, f"image {name}").place
            images[name] = FoundImage(boxes, [], place, splits.get(stem, ""), masks)
    if not images:
        raise InputError(
            "no XML file was found",
            file=root,
            field="root",
            remedy="Set root to a folder above images and XML files",
        )
    classes = sorted({cls for one in images.values() for cls in (*one.boxes.boxes, *one.masks)})
    for image in images.values():
        image.classes = classes
    yield from cases_of(images, files, settings)
    files.report_unused("the XML files")


def tables(root: Path, settings: Voc) -> list[Path]:
    """List the XML files and the lists of splits."""
    return [*(root / file for file in files_below(root, {".xml"})), *_lists(root).values()]


def _lists(root: Path) -> dict[str, Path]:
    return {
        split: root / path
        for path in files_below(root, {".txt"})
        for split in SPLITS
        if f"/{path}".endswith(f"/ImageSets/Main/{split}.txt")
    }


def _splits(root: Path) -> dict[str, str]:
    return {stem: split for split, path in _lists(root).items() for stem in read_text(path).split()}
