"""SIIM-ACR Pneumothorax Segmentation: masks as run lengths on 12,047 images.

References: run lengths are *drawn*; -1 is *read and nothing found*, an empty reference. Several
rows of one image are merged (torchxrayvision keeps only the last one).

Splits: chosen by image, 70:10:20, seeded; the files do not state patients.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fidelity.datasets.acquisition.source_files import ImageFiles, TableFile, locate, warn_of_unused
from fidelity.datasets.annotations.drawn import Row, read_rows
from fidelity.datasets.cases import NONE, Case
from fidelity.datasets.mask_files.mask_places import reference_to
from fidelity.datasets.splits import seeded_split

if TYPE_CHECKING:
    from fidelity.settings.datasets import Siim

masks_follow_labels = False

SIZE = [1024, 1024]
CLASS, NEGATIVE = "Pneumothorax", "No pneumothorax"
NOTHING = "-1"
WHERE = "Download it from https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation"
tables = partial(locate, (TableFile(("stage_2_train.csv", "train-rle.csv"), "table"),), WHERE)


def find_cases(root: Path, settings: "Siim") -> Iterator[Case]:
    """Yield one case per image of the file of run lengths."""
    (table,) = tables(root, settings)
    files, file = ImageFiles(root), table.relative_to(root).as_posix()
    for image, runs in read_runs(table).items():
        yield Case(
            case=image,
            patient=image,
            split=seeded_split(image, settings.split_seed),
            labels=(CLASS if runs else NEGATIVE,),
            image=files.find(image),
            masks={CLASS: reference_to(file, image, CLASS) if runs else NONE},
            place=Row(table, f"row of {image}").place,
        )
    warn_of_unused(files, table.name)


def read_runs(path: str | Path) -> dict[str, list[str]]:
    """Read the run lengths of each image.

    Args:
        path: the CSV file; stage 1 has a blank before the name of its second column.

    Returns:
        {image: run lengths of each of its rows}; empty where the file has -1.

    Raises:
        InputError: the file cannot be read, or an image has both -1 and a mask.
    """
    found: dict[str, list[str]] = {}
    empty: set[str] = set()
    for row in read_rows(path, ("ImageId", "EncodedPixels")):
        image, text = row.cells["ImageId"].strip(), row.cells["EncodedPixels"].strip()
        runs = found.setdefault(image, [])
        if text == NOTHING:
            empty.add(image)
        else:
            runs.append(text)
        if runs and image in empty:
            raise row.wrong(
                f"the image {image!r} has both -1 and a mask",
                "EncodedPixels",
                "Remove one of the two rows",
            )
    return found


def read_entries(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read the masks as entries of `mask_entries`: {image: {class: entry}}."""
    return {
        image: {CLASS: {"size": SIZE, "relative_runs": runs}}
        for image, runs in read_runs(path).items()
    }
