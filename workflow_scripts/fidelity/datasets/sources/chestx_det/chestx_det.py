"""ChestX-Det (Lian et al. 2021) and ChestX-Det10: polygons and boxes of 13 findings on NIH images.

References: an instance is *drawn*, as a polygon (not in ChestX-Det10) and as a box. A class without
an instance is *read and nothing found*, an empty reference.

Splits: the official test split; a tenth of the training split becomes validation, by image, seeded.
The files are renumbered, so that NIH's patients are unknown.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.datasets.annotations import chestx_det
from fidelity.datasets.annotations.drawn import place_of
from fidelity.datasets.annotations.references import (
    ImageFiles,
    drawn_boxes,
    tables_by_split,
    with_validation,
)
from fidelity.datasets.cases import NONE, Case
from fidelity.datasets.mask_files.mask_entries import reference_to
from fidelity.settings.datasets import ChestxDet

same_size = False
multilabel = True
masks_follow_labels = False
known_classes = chestx_det.CLASSES

FILES = {
    "train": ("ChestX_Det_train.json", "ChestX-Det10-train.json", "train.json"),
    "test": ("ChestX_Det_test.json", "ChestX-Det10-test.json", "test.json"),
}
WHERE = "Download them from https://github.com/Deepwise-AILab/ChestX-Det-Dataset"
# Of ChestX-Det10.
TEN = {"Atelectasis", "Calcification", "Consolidation", "Effusion", "Emphysema"}
TEN |= {"Fibrosis", "Fracture", "Mass", "Nodule", "Pneumothorax"}


def find_cases(root: Path, settings: ChestxDet) -> Iterator[Case]:
    """Find the images of the annotation files.

    Args:
        root: a folder above images and annotation files.
        settings: `split_seed`.

    Yields:
        One case per image, `train_36199` for 36199.png of the training split.

    Raises:
        InputError: a file is missing, or cannot be understood.
    """
    root = Path(root)
    files = ImageFiles(root)
    for split, table in tables_by_split(root, FILES, WHERE).items():
        images = chestx_det.read_boxes(table)
        shaped = chestx_det.has_polygons(table)
        file = table.relative_to(root).as_posix()
        # Without a class outside the ten, the file is that of ChestX-Det10.
        names = {cls for drawn in images.values() for cls in drawn.boxes}
        classes = [c for c in chestx_det.CLASSES if shaped or c in TEN | names]
        for image, drawn in images.items():
            masks = {
                cls: reference_to(file, image, cls) if cls in drawn.boxes else NONE
                for cls in classes
            }
            yield Case(
                case=f"{split}_{image.rpartition('.')[0]}",
                patient=f"{split}_{image.rpartition('.')[0]}",
                split=with_validation(split, image, settings.split_seed),
                labels=tuple(drawn.boxes),
                image=files.find(image, lambda path, own=split: _is_of(path, own)),
                masks=masks if shaped else {},
                place=place_of(table, f"entry of {image}"),
                **drawn_boxes(drawn, classes),
            )
    files.report_unused("ChestX_Det_train.json or ChestX_Det_test.json")


def tables(root: Path, settings: ChestxDet) -> list[Path]:
    """List the annotation files."""
    return list(tables_by_split(Path(root), FILES, WHERE).values())


def _is_of(path: str, split: str) -> bool:
    """Check whether a file can be of a split: its folders name no other one."""
    other = "test" if split == "train" else "train"
    return not any(part.lower().startswith(other) for part in path.split("/")[:-1])
