"""TBX11K (Liu et al. 2020): boxes of active and obsolete tuberculosis.

What a reference says: a box is *drawn*; an image of the annotation files without one is *read and
nothing found*, an empty reference, be it healthy or sick with something else.

Splits: the official validation split is the test split here, because the official test split has
no labels; a tenth of the training split becomes validation, by image, seeded. Patients are unknown.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.annotations import coco
from fidelity.datasets.annotations.drawn import place_of
from fidelity.datasets.annotations.references import (
    VALIDATION,
    ImageFiles,
    drawn_boxes,
    optional_table,
    seeded_split,
)
from fidelity.datasets.cases import Case
from fidelity.settings.datasets import Tbx11k

same_size = False
multilabel = True
masks_follow_labels = False
known_classes = Tbx11k.classes

FILES = {"train": "TBX11K_train.json", "test": "TBX11K_val.json"}
# What an image without a box is, by its folder.
FOLDERS = {"health": "Healthy", "sick": "Sick without tuberculosis"}


def find_cases(root: Path, settings: Tbx11k) -> Iterator[Case]:
    """Find the images of the annotation files.

    Args:
        root: a folder above `annotations` and `imgs`.
        settings: `split_seed`.

    Yields:
        One case per image.

    Raises:
        InputError: a file is missing, or cannot be understood.
    """
    root = Path(root)
    files = ImageFiles(root)
    for split, table in _tables(root).items():
        for image, drawn in coco.read_boxes(table).images.items():
            healthy = FOLDERS.get(image.partition("/")[0])
            name = image.rpartition("/")[2].rpartition(".")[0]
            yield Case(
                case=name,
                patient=name,
                split=seeded_split(name, settings.split_seed, VALIDATION)
                if split == "train"
                else split,
                labels=tuple(drawn.boxes) or ((healthy,) if healthy else ()),
                image=files.find(image),
                place=place_of(table, f"entry of {image}"),
                **drawn_boxes(drawn, Tbx11k.classes),
            )


def tables(root: Path, settings: Tbx11k) -> list[Path]:
    """List the annotation files."""
    return list(_tables(Path(root)).values())


def _tables(root: Path) -> dict[str, Path]:
    found = {split: optional_table(root, None, [name], "root") for split, name in FILES.items()}
    if not any(found.values()):
        raise InputError(
            f"neither {FILES['train']} nor {FILES['test']} was found",
            file=root,
            field="root",
            remedy="Download the data set from https://mmcheng.net/tb and set root to its folder",
        )
    return {split: path for split, path in found.items() if path}
