"""HDF5 files on full or failing disks: raise clear errors instead of crashing."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path

# Errors that h5py and the decoding of a record raise for damaged bytes.
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, IndexError)


class _Sink(io.FileIO):
    """A file that hides failed writes from HDF5.

    HDF5 (1.14 and 2.0, measured) crashes the process when it closes a file that it could not write
    completely. The job would end without a message and leave an incomplete file. This class stores
    the first failure instead, and `check` raises it.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        try:
            while self.failure is None and rest.nbytes:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = error
        if rest.nbytes:
            self.seek(rest.nbytes, io.SEEK_CUR)
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self.failure is not None:
            raise self.failure


class Hdf5File(h5py.File):
    """An HDF5 file for writing; call `check` from time to time to notice a full disk early."""

    def __init__(self, sink: _Sink) -> None:
        """Open the file on a sink."""
        super().__init__(sink, "w")
        self._sink = sink

    def check(self) -> None:
        """Write buffered data; raise OSError if anything could not be written."""
        self.flush()
        self._sink.check()


@contextmanager
def atomic_hdf5(path: str | Path) -> Iterator[Hdf5File]:
    """Open an HDF5 file for writing; it gets its final name if the block succeeds.

    Raises:
        InputError: the disk is full or the folder is not writable; nothing is left behind.
    """
    with atomic_path(path) as temporary, _Sink(temporary, "w+") as sink:
        with Hdf5File(sink) as file:
            yield file
        sink.check()


@contextmanager
def reading(path: str | Path, remedy: str) -> Iterator[None]:
    """Turn errors while reading an HDF5 file into an InputError that names the file.

    Raises:
        InputError: the block raised an InputError, or an error that damaged bytes can cause.
    """
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        line = (str(error).strip("'\"") or type(error).__name__).splitlines()[0][:160]
        raise InputError(f"cannot be read as HDF5 ({line})", file=path, remedy=remedy) from error
