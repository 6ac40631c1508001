"""Notice that files were added, removed or changed, without reading them."""

import hashlib
import os
from functools import cache
from pathlib import Path

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
    pending = [str(root)]
    while pending:
        folder = pending.pop()
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if entry.is_dir():
                if entry.name not in PASSED_OVER:
                    pending.append(entry.path)
            elif entry.is_file():
                stat = entry.stat()
                name = os.path.relpath(entry.path, root)
                digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
