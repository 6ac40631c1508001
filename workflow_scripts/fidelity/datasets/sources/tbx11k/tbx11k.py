"""TBX11K (Liu et al. 2020): boxes of active and obsolete tuberculosis.

References: a box is *drawn*. An image of the annotation files without a box is *read and nothing
found*, an empty reference, whether it is healthy or shows another disease.

Splits: the official validation split is the test split here, because the official test split has no
labels. A tenth of the training split becomes validation, by image, seeded. Patients are unknown.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.datasets.acquisition.source_files import ImageFiles, locate_by_split
from fidelity.datasets.annotations.drawn import Row
from fidelity.datasets.cases import Case
from fidelity.datasets.sources.containers import coco
from fidelity.datasets.splits import with_validation
from fidelity.settings.datasets import Tbx11k

multilabel = True
masks_follow_labels = False
known_classes = Tbx11k.classes

FILES = {"train": ("TBX11K_train.json",), "test": ("TBX11K_val.json",)}
WHERE = "Download the data set from https://mmcheng.net/tb and set root to its folder"
# The label of an image without a box, by its folder.
FOLDERS = {"health": "Healthy", "sick": "Sick without tuberculosis"}


def find_cases(root: Path, settings: Tbx11k) -> Iterator[Case]:
    """Yield one case per image of the annotation files; the root is above `annotations`, `imgs`."""
    files = ImageFiles(root)
    for split, table in locate_by_split(FILES, WHERE, root).items():
        for image, drawn in coco.read_boxes(table).images.items():
            healthy = FOLDERS.get(image.partition("/")[0])
            name = image.rpartition("/")[2].rpartition(".")[0]
            yield Case(
                case=name,
                patient=name,
                split=with_validation(split, name, settings.split_seed),
                labels=tuple(drawn.boxes) or ((healthy,) if healthy else ()),
                image=files.find(image),
                place=Row(table, f"entry of {image}").place,
                **drawn.fields(Tbx11k.classes),
            )


def tables(root: Path, settings: Tbx11k) -> list[Path]:
    """Locate the annotation files."""
    return list(locate_by_split(FILES, WHERE, root).values())
