"""Masks of readers in their own folders: the setting `readers` of a data set."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion
from fidelity.datasets.acquisition.folders import (
    by_stem,
    entries_of,
    folder_named,
    folders_in,
    images_in,
)
from fidelity.datasets.case_names import CaseNames
from fidelity.datasets.cases import Case, relative_path

if TYPE_CHECKING:
    from fidelity.settings.datasets import Dataset

log = logging.getLogger(__name__)


def with_folders(cases: Iterable[Case], root: Path, settings: "Dataset") -> Iterator[Case]:
    """Add the masks in the folders of `readers` to their cases.

    A folder contains a folder per annotated class with masks `<case>.png`. If only one class is
    annotated, it may contain the masks directly. A mask has the name of its case or of its image's
    file; its ending may differ. The folders are relative to the data root.

    Raises:
        InputError: a folder is missing, has no mask of any class or case, or has a mask whose name
            fits several cases.
    """
    folders = settings.readers
    # VinDr-CXR and PadChest-GR have their own setting `readers`.
    if isinstance(folders, str) or not folders:
        yield from cases
        return
    root = Path(root)
    found = {r: _masks(root, r, folder, settings) for r, folder in folders.items()}
    used = dict.fromkeys(folders, 0)
    cases = list(cases)
    names = CaseNames(cases)

    def is_of(stem: str, path: str, reader: str, case: Case) -> bool:
        return names.find(stem, root / path, f"readers.{reader}") == case.case

    for case in cases:
        stems = dict.fromkeys((case.case, Path(case.image).stem))
        drawn = {reader: dict(masks) for reader, masks in case.readers.items()}
        for reader, by_class in found.items():
            for cls, masks in by_class.items():
                own = ((stem, masks[stem]) for stem in stems if stem in masks)
                path = next((path for stem, path in own if is_of(stem, path, reader, case)), None)
                if path:
                    drawn.setdefault(reader, {})[cls] = path
                    used[reader] += 1
        yield replace(case, readers=drawn)
    for reader, count in used.items():
        listed = sum(map(len, found[reader].values()))
        if not count:
            raise InputError(
                f"none of the {listed} masks has the name of a case",
                file=root / folders[reader],
                field=f"readers.{reader}",
                remedy="Name each mask after its case, or after the file of its image",
            )
        if count < listed:
            log.warning(
                "%d of %d masks of the reader %s are of no case", listed - count, listed, reader
            )


def _masks(root: Path, reader: str, name: str, settings: "Dataset") -> dict[str, dict[str, str]]:
    """List the masks of a reader: class → stem of the file → path below the root."""
    where = {"file": root / name, "field": f"readers.{reader}"}
    relative_path(name, **where)
    if not (root / name).is_dir():
        raise InputError("the folder does not exist", remedy="Give it relative to root", **where)
    annotated = settings.annotated_classes
    folders = {cls: folder_named(root / name, cls) for cls in annotated}
    if not any(folder.is_dir() for folder in folders.values()):
        if len(annotated) > 1:
            inside = [folder.name for folder in folders_in(root / name)]
            raise InputError(
                f"has no folder of the class {annotated[0]!r}",
                remedy=suggestion(annotated[0], inside, "Folders there"),
                **where,
            )
        folders = {annotated[0]: root / name}
    return {cls: _one_each(root, folder, where["field"]) for cls, folder in folders.items()}


def _one_each(root: Path, folder: Path, field: str) -> dict[str, str]:
    """List the masks in a folder: stem of the file → path below the root."""
    masks = by_stem(images_in(folder))
    for paths in masks.values():
        if len(paths) > 1:
            raise InputError(
                f"{paths[0].name} and {paths[1].name} are masks of one case",
                file=folder,
                field=field,
                remedy="Keep one of them",
            )
    others = [e.name for e in entries_of(folder) if e.is_file() and Path(e.name).stem not in masks]
    if others:
        log.warning(
            "%s: %d files are not read, because they are not images (first: %s)",
            folder,
            len(others),
            others[0],
        )
    return {stem: paths[0].relative_to(root).as_posix() for stem, paths in masks.items()}
