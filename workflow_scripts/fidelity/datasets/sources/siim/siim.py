"""SIIM-ACR Pneumothorax Segmentation: masks as run lengths on 12,047 images.

What a reference says: run lengths are *drawn*; -1 is *read and nothing found*, an empty reference.
Several rows of one image are united.

Splits: drawn by image, 70:10:20, seeded; the files name no patient.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.datasets.annotations import siim_rle
from fidelity.datasets.annotations.drawn import place_of
from fidelity.datasets.annotations.references import SHARES, ImageFiles, find_table, seeded_split
from fidelity.datasets.cases import NONE, Case
from fidelity.datasets.mask_files.mask_entries import reference_to
from fidelity.settings.datasets import Siim

same_size = False
masks_follow_labels = False

TABLES = ("stage_2_train.csv", "train-rle.csv")
NEGATIVE = "No pneumothorax"
WHERE = "Download it from https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation"


def find_cases(root: Path, settings: Siim) -> Iterator[Case]:
    """Find the images of the file of run lengths.

    Args:
        root: a folder above images and table.
        settings: `table` and `split_seed`.

    Yields:
        One case per image.

    Raises:
        InputError: a file is missing, or cannot be understood.
    """
    root = Path(root)
    (table,) = tables(root, settings)
    files, file = ImageFiles(root), table.relative_to(root).as_posix()
    for image, runs in siim_rle.read_runs(table).items():
        yield Case(
            case=image,
            patient=image,
            split=seeded_split(image, settings.split_seed, SHARES),
            labels=(siim_rle.CLASS if runs else NEGATIVE,),
            image=files.find(image),
            masks={siim_rle.CLASS: reference_to(file, image, siim_rle.CLASS) if runs else NONE},
            place=place_of(table, f"row of {image}"),
        )
    files.report_unused(table.name)


def tables(root: Path, settings: Siim) -> list[Path]:
    """List the one table that is read."""
    return [find_table(Path(root), settings.table, TABLES, "table", WHERE)]
