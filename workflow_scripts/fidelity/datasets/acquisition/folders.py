"""List the folders of a data set: sorted, and without files that operating systems add."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from fidelity.base.errors import InputError

# macOS writes `__MACOSX`, `.DS_Store` and one `._name` per file; Windows writes the others.
CLUTTER = frozenset({"__macosx", ".ds_store", "thumbs.db", "desktop.ini"})
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp"})
# Folders of this workflow and of tools: the data root may be the working folder itself.
PASSED_OVER = {"results", ".snakemake", ".git", ".venv", "__pycache__"}


def check_root(root: Path | None, what: str) -> None:
    """Raise InputError if a data root is absent or a file; the remedy states `what` it must be."""
    if root is None or not root.is_dir():
        raise InputError(
            f"the data root {'is not a folder' if root and root.exists() else 'does not exist'}",
            file=root,
            field="root",
            remedy=f"Set 'root' of the data set in the config to {what}",
        )


def is_clutter(path: str | PurePosixPath) -> bool:
    """Check whether any part of a path is a file or folder that an operating system added."""
    return any(
        part.startswith("._") or part.lower() in CLUTTER for part in PurePosixPath(path).parts
    )


def folders_in(folder: Path) -> list[Path]:
    """List the folders in a folder by name, without clutter; empty if the folder is absent."""
    return [Path(entry.path) for entry in entries_of(folder) if entry.is_dir()]


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """List a folder's entries by name, without clutter; empty if the folder is absent."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        kept = [entry for entry in entries if not is_clutter(entry.name)]
    return sorted(kept, key=lambda entry: entry.name)


def folder_named(folder: Path, name: str) -> Path:
    """Return the folder with a name, either as it is written or in other upper and lower case.

    If there is no such folder, or if there are several, it is `folder / name`.
    """
    exact = folder / name
    if exact.is_dir():
        return exact
    found = [path for path in folders_in(folder) if path.name.lower() == name.lower()]
    return found[0] if len(found) == 1 else exact


def images_in(folder: Path) -> list[Path]:
    """List the image files in a folder by name; the case of their extensions does not matter."""
    paths = (Path(entry.path) for entry in entries_of(folder))
    return [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]


def similar_file(root: Path, path: str) -> str | None:
    """Find the file that a path below a root probably means, if there is exactly one.

    Its name differs only in upper and lower case, in the ending, or in the encoding of accents.
    """
    folder = root
    for part in PurePosixPath(path).parts[:-1]:
        folder = folder_named(folder, part)
    name = _folded_name(PurePosixPath(path).name)
    files = {entry.name: _folded_name(entry.name) for entry in entries_of(folder)}
    for key in (lambda folded: folded, lambda folded: PurePosixPath(folded).stem):
        found = [one for one, folded in files.items() if key(folded) == key(name)]
        if len(found) == 1:
            return (folder / found[0]).relative_to(root).as_posix()
    return None


def _folded_name(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def by_stem(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Group files by their name without extension."""
    grouped: dict[str, list[Path]] = {}
    for path in paths:
        grouped.setdefault(path.stem, []).append(path)
    return grouped
