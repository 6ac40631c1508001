"""COVID-QU-Ex, infection segmentation part (Tahir et al. 2021), in its own folder layout.

    Infection Segmentation Data/{Train,Val,Test}/{class}/{images,infection masks,lung masks}/*.png

Kaggle's archive unpacks to the same with the first folder twice. The phantom is written in this
layout too, with an optional `patients.csv` (columns case,patient) at the root, and with a folder
`second reader masks` beside `infection masks` where a second reader is asked for.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from fidelity.datasets.cases import Case
from fidelity.errors import InputError

# Image and masks of a case have one size in this data set; anything else is a damaged copy.
same_size = True

TOP = "Infection Segmentation Data"
SECOND_FOLDER = "second reader masks"
SPLIT_FOLDERS = {"Train": "train", "Val": "val", "Test": "test"}


def find_cases(root: Path, settings: dict) -> Iterator[Case]:
    """Find the cases below a root: the data set's top folder, one inside it, or one above it.

    Args:
        root: where the data set was unpacked.
        settings: not used: the layout says everything.

    Yields:
        One case per image, by split, class and file name. `masks` holds the infection mask of
        every class that has one, annotated or not: which of them count is decided later, by
        `annotated_classes`. The data set has no patient ids: without a `patients.csv` the patient
        is the case.

    Raises:
        InputError: the root does not exist or holds no such layout.
    """
    root = Path(root)
    base = find_base(root)
    patients = _patients(root, base)
    for folder, split in SPLIT_FOLDERS.items():
        for group in _folders(base / folder):
            for image in sorted((group / "images").glob("*.png")):
                name = image.stem
                infection = group / "infection masks" / image.name
                lung = group / "lung masks" / image.name
                second = group / SECOND_FOLDER / image.name
                masks = {group.name: _relative(infection, root)} if infection.is_file() else {}
                yield Case(
                    case=name,
                    patient=_patient(patients, name),
                    split=split,
                    labels=(group.name,),
                    image=_relative(image, root),
                    lung_mask=_relative(lung, root) if lung.is_file() else None,
                    masks=masks,
                    second_masks={group.name: _relative(second, root)} if second.is_file() else {},
                )


def find_base(root: Path) -> Path:
    """Find the folder that holds Train, Val and Test.

    Args:
        root: that folder, `Infection Segmentation Data` above it, or up to two levels above.

    Returns:
        The folder, below `root` or equal to it.

    Raises:
        InputError: there is none, or more than one.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(
            "the data root does not exist" if not root.exists() else "the data root is no folder",
            file=root,
            field="root",
            remedy="Unpack the data set and set 'root' of the data set in the config to its folder",
        )
    if _has_splits(root):
        return root
    patterns = (TOP, f"{TOP}/{TOP}", f"*/{TOP}", f"*/{TOP}/{TOP}", f"*/*/{TOP}/{TOP}")
    found = sorted({p for pattern in patterns for p in root.glob(pattern) if _has_splits(p)})
    if not found:
        raise InputError(
            f"no folder '{TOP}' with Train, Val and Test was found below the data root",
            file=root,
            field="root",
            remedy=f"Set 'root' of the data set to the folder that contains '{TOP}'",
        )
    if len(found) > 1:
        listed = ", ".join(str(path.relative_to(root)) for path in found)
        raise InputError(
            f"several copies of the data set lie below the data root ({listed})",
            file=root,
            field="root",
            remedy="Set 'root' of the data set to one of them",
        )
    return found[0]


def _has_splits(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in SPLIT_FOLDERS)


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if (path / "images").is_dir())


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _patients(root: Path, base: Path) -> tuple[Path, dict[str, str]] | None:
    """Read `patients.csv` beside the layout; None if there is none."""
    path = next((p for p in (root / "patients.csv", base / "patients.csv") if p.is_file()), None)
    if path is None:
        return None
    with open(path, encoding="utf-8-sig", newline="") as handle:
        rows = csv.DictReader(handle)
        missing = {"case", "patient"} - set(rows.fieldnames or [])
        if missing:
            raise InputError(
                "a column is missing",
                file=path,
                field=min(missing),
                remedy="patients.csv has the columns case,patient",
            )
        return path, {row["case"]: row["patient"] for row in rows}


def _patient(patients: tuple[Path, dict[str, str]] | None, case: str) -> str:
    if patients is None:
        return case
    path, table = patients
    if not table.get(case):
        # Falling back to the case id here could hide a patient who is in two splits.
        raise InputError(
            f"the case {case!r} has no patient",
            file=path,
            field="patient",
            remedy="Add a row for every image, or remove patients.csv",
        )
    return table[case]
