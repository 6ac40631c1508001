"""Notice that files were added, removed or changed, without reading them."""

import hashlib
import os
from functools import cache
from pathlib import Path

from fidelity.errors import InputError

# Folders of this workflow and of tools: a data root may be the working folder itself.
PASSED_OVER = {"results", ".snakemake", ".git", ".venv", "__pycache__"}


@cache
def listing_digest(root: Path | None) -> str:
    """Hash names, sizes and modification times of all files below a folder.

    Args:
        root: the folder, or one file such as an archive; links are followed, PASSED_OVER is not
            looked into. None (generated or downloaded data) gives an empty text.

    Returns:
        16 hexadecimal digits, or "".
    """
    if root is None:
        return ""
    digest = hashlib.blake2b(digest_size=8)
    if root.is_file():
        stat = root.stat()
        digest.update(f"{root.name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
        return digest.hexdigest()
    # Folders by device and number: a link may lead back to a folder that it lies in.
    pending: list[tuple[str, frozenset]] = [(str(root), frozenset())]
    while pending:
        folder, entered = pending.pop()
        for entry in _entries(folder):
            try:
                if entry.is_dir():
                    stat = entry.stat()
                    place = (stat.st_dev, stat.st_ino)
                    if entry.name not in PASSED_OVER and place not in entered:
                        pending.append((entry.path, entered | {place}))
                elif entry.is_file():
                    stat = entry.stat()
                    name = os.path.relpath(entry.path, root)
                    digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
            except OSError:  # a link that leads nowhere, or to itself: no file
                continue
    return digest.hexdigest()


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"the folder cannot be listed ({error.strerror})",
            file=folder,
            remedy="Mend its permissions, or move it out of the data root",
        ) from error
