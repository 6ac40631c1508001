"""Detect that files were added, removed or changed, without reading them."""

import hashlib
import logging
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fidelity.base.errors import InputError
from fidelity.datasets import registry
from fidelity.datasets.acquisition.folders import PASSED_OVER
from fidelity.datasets.mask_files.mask_places import file_of
from fidelity.datasets.readers.folders import with_folders

if TYPE_CHECKING:
    from fidelity.datasets.cases import Case
    from fidelity.settings.datasets import Dataset

# (root, settings as text) → hash of the files that were found.
_digests: dict[tuple[Path, str], str] = {}


def source_digest(root: Path | None, settings: "Dataset") -> str:
    """Hash names, sizes and modification times of the files that a source reads below its root.

    Other files (notes, `.DS_Store`, a folder of old images) are ignored. If the source cannot list
    its files, every file counts, because any change may fix the problem. For a root that is None or
    an archive, and for the form of the hash, see `listing_digest`.
    """
    if root is None or not root.is_dir():
        return listing_digest(root)
    key = root, repr(settings)
    if key not in _digests:
        try:
            with _quiet():
                names = files_of(root, settings)
        except (InputError, OSError, ValueError):
            _digests[key] = listing_digest(root)
        else:
            _digests[key] = _digest((name, os.path.join(root, name)) for name in sorted(names))
    return _digests[key]


def files_of(root: Path, settings: "Dataset") -> set[str]:
    """List the files that a source reads: images, masks and tables, relative to its root, with "/".

    A table may name files that do not exist.

    Raises:
        InputError: the files do not have the layout of the source.
    """
    reader = registry.reader(settings.source)
    listed = getattr(reader, "tables", lambda root, settings: [])(root, settings)
    tables = [os.path.relpath(path, root) for path in listed if path is not None]
    beside = [name for key in ("lungs", "records") if (name := getattr(settings, key, None))]
    cases = with_folders(reader.find_cases(root, settings), root, settings)
    return image_files(cases).union(tables, beside)


def image_files(cases: Iterable["Case"]) -> set[str]:
    """List the files of cases: images and masks (a JSON file of many masks is listed once)."""
    return {
        file
        for case in cases
        for path in (case.image, case.lung_mask, *case.mask_paths)
        if path and (file := file_of(path))
    }


@cache
def listing_digest(root: Path | None, pattern: str = "*") -> str:
    """Hash names, sizes and modification times of all files below a folder.

    Args:
        root: the folder, or one file such as an archive. Links are followed; the folders
            PASSED_OVER are skipped, unless the pattern names them. None (generated or downloaded
            data) gives an empty text.
        pattern: `fnmatch` pattern of the paths below the folder that are included.

    Returns:
        16 hexadecimal digits, or "".
    """
    if root is None:
        return ""
    if root.is_file():
        return _digest([(root.name, str(root))])
    skipped = PASSED_OVER.difference(pattern.split("/"))
    found = ((os.path.relpath(path, root), path) for path in _below(root, skipped))
    return _digest((name, path) for name, path in found if fnmatchcase(name, pattern))


def _digest(files: Iterable[tuple[str, str]]) -> str:
    """Hash files given by name and path; a missing file contributes only its name."""
    digest = hashlib.blake2b(digest_size=8)
    for name, path in files:
        try:
            stat = os.stat(path)
            facts = f"{stat.st_size}\0{stat.st_mtime_ns}"
        except OSError:
            facts = ""
        digest.update(os.fsencode(name) + f"\0{facts}\n".encode())
    return digest.hexdigest()


def _below(root: Path, skipped: Collection[str]) -> Iterator[str]:
    # Folders are recognised by device and number, because a link may lead back to a parent folder.
    pending: list[tuple[str, frozenset]] = [(str(root), frozenset())]
    while pending:
        folder, entered = pending.pop()
        for entry in _entries(folder):
            try:
                if entry.is_dir():
                    stat = entry.stat()
                    place = (stat.st_dev, stat.st_ino)
                    if entry.name not in skipped and place not in entered:
                        pending.append((entry.path, entered | {place}))
                elif entry.is_file():
                    yield entry.path
            except OSError:  # not a file: a link that leads nowhere, or to itself
                continue


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the warnings of a source's module; the job that reads the data set repeats them."""
    log = logging.getLogger("fidelity.datasets")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"the folder cannot be listed ({error.strerror})",
            file=folder,
            remedy="Fix its permissions, or move it out of the data root",
        ) from error
