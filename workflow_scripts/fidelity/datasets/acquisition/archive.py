"""Unpack a zip archive that is not trusted, once."""

import fcntl
import hashlib
import logging
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition.folders import is_clutter

if TYPE_CHECKING:
    from fidelity.digests.markers import Message

# COVID-QU-Ex has about 85,000 files and 1.2 GB. An archive that claims much more is a mistake or an
# attack.
MAX_MEMBERS = 1_000_000
MAX_BYTES = 50 * 10**9
RESERVE = 100 * 10**6
CHUNK = 1 << 20

log = logging.getLogger(__name__)


def unpack(archive: str | Path, store: str | Path) -> Path:
    """Unpack a zip archive below a folder, unless that has been done.

    The folder's name contains a fingerprint of the archive's list of contents (names, sizes,
    checksums). So a copy that was moved or touched is not unpacked again. The folder gets this name
    only when it is complete, so a killed job leaves no incomplete folder that looks complete. Jobs
    that need the same archive wait for one another.

    Raises:
        InputError: the file is missing, damaged, encrypted or larger than MAX_BYTES unpacked; the
            disk is too small; or a member has an unsafe name (absolute, "..", a link, the same name
            twice).
    """
    archive, store = Path(archive), Path(store)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked_members(opened, archive)
            target = store / f"{archive.stem}-{_fingerprint(members)}"
            store.mkdir(parents=True, exist_ok=True)
            with _locked(store / f".{target.name}.lock"):
                if target.is_dir():
                    log.info("%s: already unpacked", archive.name)
                else:
                    _unpack_all(opened, members, archive, target)
            return target
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(
            f"the archive is damaged or incomplete ({error})",
            file=archive,
            field="archive",
            remedy="Download it again, and compare its size with that on the web page",
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot be unpacked ({error.strerror or error})",
            file=archive,
            field="archive",
            remedy="Check the path, the permissions and the space on the disk",
        ) from error


def _checked_members(opened: zipfile.ZipFile, archive: Path) -> list[zipfile.ZipInfo]:
    """List the files in the archive after checking every name and the sizes."""
    # The files that macOS adds next to the data are never unpacked.
    entries = [entry for entry in opened.infolist() if not is_clutter(entry.filename)]
    names: set[PurePosixPath] = set()
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if fault := _fault(entry, is_repeated=path in names):
            raise InputError(
                f"the member {entry.filename!r} {fault}",
                file=archive,
                field="archive",
                remedy="Nothing was unpacked; download the archive again from the data set's page",
            )
        names.add(path)
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_MEMBERS or total > MAX_BYTES:
        raise InputError(
            f"the archive would unpack to {len(entries)} files and {total / 1e9:.3g} GB"
            f" (at most {MAX_MEMBERS} and {MAX_BYTES / 1e9:.3g} GB)",
            file=archive,
            field="archive",
            remedy="Check that it is the data set's archive, or unpack it yourself and set 'root'",
        )
    return [entry for entry in entries if not entry.is_dir()]


def _fault(entry: zipfile.ZipInfo, *, is_repeated: bool) -> "Message | None":
    name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    if name.startswith("/") or PureWindowsPath(name).drive or "\\" in name or not name:
        return "has an absolute path or a backslash in its name"
    if ".." in PurePosixPath(name).parts:
        return "would be written outside the folder ('..')"
    # Archives made on Windows state no file type at all (0).
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or another special file"
    if entry.flag_bits & 1:
        return "is encrypted"
    return "is in the archive twice" if is_repeated else None


def _fingerprint(members: list[zipfile.ZipInfo]) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for entry in sorted(members, key=lambda entry: entry.filename):
        digest.update(f"{entry.filename}\0{entry.file_size}\0{entry.CRC}\n".encode())
    return digest.hexdigest()


def _unpack_all(
    opened: zipfile.ZipFile, members: list[zipfile.ZipInfo], archive: Path, target: Path
) -> None:
    total, free = sum(m.file_size for m in members), shutil.disk_usage(target.parent).free
    if total + RESERVE > free:
        raise InputError(
            f"needs {total / 1e9:.3g} GB, but {target.parent} has only {free / 1e9:.3g} GB left",
            file=archive,
            field="archive",
            remedy="Make room, or run in a folder on a larger disk",
        )
    # Existing files are from a job that was killed, because this job holds the lock.
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    log.info("%s: unpacking %d files, %.2f GB", archive.name, len(members), total / 1e9)
    for entry in members:
        path = partial / entry.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        # Reading stops at the size that was checked above, and checks the CRC.
        with opened.open(entry) as source, open(path, "xb") as out:
            shutil.copyfileobj(source, out, CHUNK)
    partial.mkdir(exist_ok=True)
    os.sync()
    partial.rename(target)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
