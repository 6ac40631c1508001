"""QaTa-COV19-v2 (Degerli et al. 2022): masks of COVID-19 infection on 9,258 images.

References: every image shows COVID-19 and its mask is *drawn*. A black mask is *read and nothing
found*.

Splits: the official test split; a tenth of the training split becomes validation, by image, seeded.
LViT's division into Train_Folder, Val_Folder and Test_Folder is kept if it exists. Patients are
unknown. The infection masks of COVID-QU-Ex are from the QaTa-COV19 project: `near_duplicates_of`
finds images that are in both.
"""

from collections.abc import Iterator
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.folders import folders_in, images_in
from fidelity.datasets.cases import Case
from fidelity.datasets.splits import VALIDATION, seeded_split
from fidelity.settings.datasets import Qata

same_size = True

CLASS = "COVID-19"
LAYOUTS = (
    ({"Train Set": "train", "Test Set": "test"}, "Images", "Ground-truths"),
    ({"Train_Folder": "train", "Val_Folder": "val", "Test_Folder": "test"}, "img", "labelcol"),
)
DEPTH = 3


def find_cases(root: Path, settings: Qata) -> Iterator[Case]:
    """Yield one case per image, with its mask, `mask_<name>.png` or of the image's own name.

    `Train Set/Images/covid_1.png` is the case train_covid_1, because names occur in both splits.

    Raises:
        InputError: no such folder is below the root.
    """
    base, (splits, images, masks) = _base(root)
    for folder, official in splits.items():
        drawn = {path.stem: path for path in images_in(base / folder / masks)}
        divided = official == "train" and "val" not in splits.values()
        for image in images_in(base / folder / images):
            name = f"{official}_{image.stem}"
            mask = drawn.get(f"mask_{image.stem}") or drawn.get(image.stem)
            yield Case(
                case=name,
                patient=name,
                split=seeded_split(name, settings.split_seed, VALIDATION) if divided else official,
                labels=(CLASS,),
                image=image.relative_to(root).as_posix(),
                masks={CLASS: mask.relative_to(root).as_posix()} if mask else {},
            )


def _base(root: Path) -> tuple[Path, tuple[dict[str, str], str, str]]:
    """Find the folder of the splits, and their names."""
    level = [root]
    for _ in range(DEPTH):
        for folder in level:
            for layout in LAYOUTS:
                if any((folder / name / layout[1]).is_dir() for name in layout[0]):
                    return folder, layout
        level = [inside for folder in level if folder.is_dir() for inside in folders_in(folder)]
    raise InputError(
        "neither 'Train Set/Images' nor 'Train_Folder/img' was found",
        file=root,
        field="root",
        remedy="Download https://www.kaggle.com/datasets/aysendegerli/qatacov19-dataset and set"
        " root to its folder",
    )
