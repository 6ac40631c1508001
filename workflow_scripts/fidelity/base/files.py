"""Write files so that a killed job never leaves an incomplete file under the final name."""

import errno
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fidelity.base.errors import InputError, first_line
from fidelity.base.formulas import escape_formulas, restore_formulas

if TYPE_CHECKING:
    import pandas as pd

# Error numbers that mean a problem of the disk, not of the program.
FULL = (errno.ENOSPC, errno.EDQUOT)
LOCKED = (errno.EROFS, errno.EACCES, errno.EPERM)
AGAIN = "Delete the file and run again"
# Part of the name of temporary files. Those of killed jobs are removed after a day.
MARK = "unfinished"
LITTER_SECONDS = 86_400

_looked_into: set[Path] = set()


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` if the block succeeds.

    The temporary name keeps the suffix, from which matplotlib and pandas choose the format. The
    file is synced to disk before the rename, so that a crash leaves either the old or the new file.

    Raises:
        InputError: the disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    # Truncated, because a name has at most 255 bytes and case ids may be long.
    temporary = path.with_name(f".{path.stem[:40]}.{os.getpid()}.{MARK}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_litter(path.parent)
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except OSError as error:
        found = disk_error(error, path)
        raise (found or error) from error
    finally:
        with suppress(OSError):  # a disk that has just failed may fail again
            temporary.unlink(missing_ok=True)


def disk_error(error: OSError, path: str | Path) -> InputError | None:
    """Turn a disk error into an InputError.

    Returns:
        The error with its remedy, for a full disk or a place that is not writable; None for all
        others.
    """
    if error.errno in FULL:
        return InputError(
            f"cannot be written: {os.strerror(error.errno).lower()}",
            file=path,
            remedy="Make room on the disk (or in the quota), then rerun the same command: finished "
            "results are kept. You may delete the folders .kept in results/: they hold results of "
            "earlier settings",
        )
    # For a file that is only read, the reading code words the message for EACCES.
    if error.errno == errno.EROFS or (error.errno in LOCKED and _is_of(error, Path(path))):
        return InputError(
            f"cannot be written: {os.strerror(error.errno).lower()}",
            file=path,
            remedy="Run in a folder that you may write to, or fix its permissions",
        )
    return None


def _is_of(error: OSError, path: Path) -> bool:
    """Check whether an error names the path, a file in its folder, or a folder above it."""
    name = Path(os.fsdecode(error.filename)) if error.filename else None
    return name is not None and (name.parent == path.parent or path.is_relative_to(name))


def _remove_litter(folder: Path) -> None:
    """Remove old temporary files of killed jobs.

    Runs once per folder and process, because folders may hold thousands of files.
    """
    if folder in _looked_into:
        return
    _looked_into.add(folder)
    for path in folder.glob(f".*.{MARK}*"):
        with suppress(OSError):  # another job may have removed it
            if time.time() - path.stat().st_mtime > LITTER_SECONDS:
                path.unlink()


def all_but_newest(paths: Iterable[Path], kept: int) -> list[Path]:
    """List the files or folders that are older than the `kept` newest ones."""
    return sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)[kept:]


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(table: "pd.DataFrame", path: str | Path) -> None:
    """Write a table as CSV, atomically and byte-identically for equal values.

    Args:
        table: written without its index. Floats have ten significant digits, missing values are
            empty, and text that a spreadsheet would run as a formula is guarded
            (`fidelity.base.formulas`).
    """
    guarded = escape_formulas(table)
    with atomic_path(path) as temporary:
        guarded.to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n")


def write_parquet(table: "pd.DataFrame", path: str | Path) -> None:
    """Write a table as Parquet, atomically, without its index."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def content_hash(path: str | Path) -> str:
    """Hash a file's content: blake2b, 32 hexadecimal digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def read_json(path: str | Path) -> Any:
    """Read a JSON file of this project.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, error) from error


def unreadable(path: str | Path, error: Exception) -> InputError:
    """Return the error for a result file of this project that cannot be read."""
    return InputError(f"cannot be read ({first_line(error)})", file=path, remedy=AGAIN)


def check_columns(table: "pd.DataFrame", needed: Iterable[str], path: str | Path) -> None:
    """Raise InputError if a table of this project lacks a column."""
    absent = [name for name in needed if name not in table.columns]
    if absent:
        raise InputError("this column is missing", file=path, field=absent[0], remedy=AGAIN)


def read_parquet(path: str | Path, needed: Iterable[str] = ()) -> "pd.DataFrame":
    """Read a Parquet table of this project, which must have the columns `needed`.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    import pandas as pd

    return _read_table(pd.read_parquet, path, needed)


def read_csv(path: str | Path, needed: Iterable[str] = (), **how: Any) -> "pd.DataFrame":
    """Read a CSV table of this project, and remove the guards of `write_csv` from its text.

    Args:
        needed: columns that the table must have.

    Raises:
        InputError: the file is missing, damaged, truncated or of another kind.
    """
    import pandas as pd

    return restore_formulas(_read_table(pd.read_csv, path, needed, **how))


def _read_table(
    read: Callable[..., "pd.DataFrame"], path: str | Path, needed: Iterable[str], **how: Any
) -> "pd.DataFrame":
    try:
        table = read(path, **how)
    except (OSError, ValueError) as error:  # pyarrow raises both, pandas ValueErrors
        raise unreadable(path, error) from error
    check_columns(table, needed, path)
    return table


def check_writable(folder: str | Path, inside: Iterable[str] = ()) -> None:
    """Check before a run that a folder and some folders in it are writable.

    Args:
        folder: the folder; it need not exist yet.
        inside: names of its subfolders that are written to; missing ones are skipped. Other
            subfolders may belong to somebody else (lost+found, a colleague's study).

    Raises:
        InputError: a folder is not writable, or is not a folder.
    """
    folder = Path(folder)
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    within = [folder / name for name in sorted(inside) if (folder / name).exists()]
    for path in (existing, *within):
        if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
            raise InputError(
                "the folder cannot be written to" if path.is_dir() else "is not a folder",
                file=path,
                remedy="Fix its permissions, or run in another folder: --directory <folder>",
            )
