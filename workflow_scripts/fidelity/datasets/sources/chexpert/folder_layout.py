"""Find CheXpert's label files, its images and CheXlocalize's masks below a data root.

Known layouts, in any folder up to three levels below the root:

    CheXpert-v1.0/{train,valid,test}.csv           Path = CheXpert-v1.0/train/patient00001/study1/…
    CheXpert-v1.0-small/{train,valid}.csv          Path = CheXpert-v1.0-small/train/…
    CheXpert/{val,test}_labels.csv                 Path = {val,test}/… (comes with CheXlocalize)
    CheXlocalize/gt_{segmentations,annotations}_{val,test}.json

The current download of CheXpert has separate folders for parts of the training split. The paths in
its label files do not contain these folders:

    CheXpert-v1.0 batch 1 (validate & csv)/{train,valid}.csv and valid/patient64541/…
    CheXpert-v1.0 batch 2 (train 1)/patient00001/…, batch 3 (train 2)/…, batch 4 (train 3)/…
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.folders import PASSED_OVER, check_root, entries_of, folders_in
from fidelity.settings.datasets import Chexlocalize

# Files that may contain the labels of a split, and folders with its images.
TABLES = {
    "train": ("train.csv", "train_labels.csv"),
    "val": ("valid.csv", "val.csv", "valid_labels.csv", "val_labels.csv"),
    "test": ("test.csv", "test_labels.csv"),
}
SPLIT_FOLDERS = {"train", "valid", "val", "test"}
MASKS = {
    "segmentations": "gt_segmentations_{split}.json",
    "annotations": "gt_annotations_{split}.json",
}
DEPTH = 3
# Folders with very many entries, but no table; folders of patients are skipped as well.
SKIPPED = SPLIT_FOLDERS | PASSED_OVER
_PATIENT = re.compile(r"patient\d+")
_BATCH = re.compile(r"\bbatch\b", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """Files of the data set, relative to the root, with "/".

    Attributes:
        tables: split → label file.
        masks: split → JSON of reference masks, for the splits that have one.
    """

    tables: dict[str, str]
    masks: dict[str, str]


def find_layout(root: Path, settings: Chexlocalize) -> Layout:
    """Find the label files and the reference masks.

    The setting `tables` (split → path) decides for splits with several candidates. The setting
    `references` chooses between segmentations and annotations.

    Raises:
        InputError: the root does not exist; there is no label file or no mask file; or there are
            two.
    """
    check_root(root, "the folder of CheXpert")
    files = list(_files(root, DEPTH))
    named = {split: name for split, name in settings.tables if name is not None}
    for split, name in named.items():
        if not (root / name).is_file():
            raise InputError(
                "the label file does not exist",
                file=root / name,
                field=f"tables.{split}",
                remedy="Give its path relative to root, or null to search for it",
            )
    tables = {
        split: [f for f in files if f.name.lower() in names] for split, names in TABLES.items()
    }
    tables = {split: found for split, found in tables.items() if found and split not in named}
    found = {split: _only(f, root, f"tables.{split}") for split, f in tables.items()} | named
    if not found:
        raise InputError(
            f"no label file of CheXpert ({', '.join(t[0] for t in TABLES.values())}) was found",
            file=root,
            field="root",
            remedy=f"Set 'root' to a folder that contains it, at most {DEPTH} levels above it",
        )
    return Layout({s: found[s] for s in TABLES if s in found}, _masks(root, files, settings))


def image_finder(root: Path, table: Path, paths: Iterable[str]) -> Callable[[str], str]:
    """Find out from some Path cells of a label file which folder they are relative to.

    Returns:
        A function from such a cell to the image's path relative to the root. If no image is found,
        paths are treated as relative to the root, and each missing file is reported later.
    """
    folder = table.parent

    def tail(path: str) -> PurePosixPath:
        parts = PurePosixPath(path).parts
        start = next((i for i, part in enumerate(parts) if part in SPLIT_FOLDERS), 0)
        return PurePosixPath(*parts[start:])

    ways: list[Callable[[str], Path]] = [
        lambda path: root / path,
        lambda path: folder / path,
        lambda path: folder.parent / path,
        lambda path: folder / tail(path),
        _in_batches(root, tail),
    ]
    paths = list(paths)
    chosen = next((way for way in ways if any(way(path).is_file() for path in paths)), ways[0])
    return lambda path: Path(os.path.relpath(chosen(path), root)).as_posix()


def _in_batches(root: Path, tail: Callable[[str], PurePosixPath]) -> Callable[[str], Path]:
    """Return a function that finds images in the batch folders below a root, by their patient."""
    # Tens of thousands of folders are listed: only once, and only if necessary.
    places = cache(lambda: _patients_in_batches(root))

    def find(path: str) -> Path:
        split, *rest = tail(path).parts
        patient = next((part for part in rest if _PATIENT.fullmatch(part)), None)
        place = places().get((split, patient), places().get(("", patient)))
        return root / path if place is None else place.joinpath(*rest[rest.index(patient) + 1 :])

    return find


def _patients_in_batches(root: Path) -> dict[tuple[str, str], Path]:
    """Map (split's folder in the batch or "", patient) to the patient's folder."""
    pending, batches = [(root, DEPTH)], []
    while pending:
        folder, depth = pending.pop()
        if _BATCH.search(folder.name):
            batches.append(folder)
        elif depth:
            inside = [path for path in folders_in(folder) if not _is_of_images(path.name)]
            pending += [(path, depth - 1) for path in inside]
    return {
        (place.name if place != batch else "", patient.name): patient
        for batch in sorted(batches)
        for place in (batch, *(batch / name for name in sorted(SPLIT_FOLDERS)))
        for patient in folders_in(place)
        if _PATIENT.fullmatch(patient.name)
    }


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """List the CSV and JSON files of a folder and its subfolders, without folders of images."""
    for entry in entries_of(folder):
        if entry.is_file() and entry.name.lower().endswith((".csv", ".json")):
            yield Path(entry.path)
        elif depth and entry.is_dir() and not _is_of_images(entry.name):
            yield from _files(Path(entry.path), depth - 1)


def _is_of_images(folder: str) -> bool:
    return folder in SKIPPED or _PATIENT.fullmatch(folder) is not None


def _masks(root: Path, files: list[Path], settings: Chexlocalize) -> dict[str, str]:
    kind = settings.references
    found = {}
    for split in ("val", "test"):
        names = [MASKS[kind].format(split=split)]
        names += [MASKS[kind].format(split="valid")] if split == "val" else []
        here = [file for file in files if file.name in names]
        if here:
            found[split] = _only(here, root, "references")
    if not found:
        other = next(k for k in MASKS if k != kind)
        there = any(file.name.startswith(f"gt_{other}_") for file in files)
        raise InputError(
            f"no file {MASKS[kind].format(split='val')} or {MASKS[kind].format(split='test')}"
            " was found",
            file=root,
            field="references",
            remedy=f"Set references: {other}, because the files of these exist"
            if there
            else "Put CheXlocalize's files below the root of CheXpert",
        )
    return found


def _only(found: list[Path], root: Path, field: str) -> str:
    names = [file.relative_to(root).as_posix() for file in found]
    if len(names) > 1:
        raise InputError(
            f"several files match ({', '.join(names)})",
            file=root,
            field=field,
            remedy="Name one under 'tables'" if field.startswith("tables") else "Remove one",
        )
    return names[0]
