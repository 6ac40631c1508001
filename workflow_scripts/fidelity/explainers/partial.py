"""Finished batches of an unfinished shard, so that a killed job resumes where it was.

Snakemake deletes the declared outputs of a failed job, and an HDF5 file killed in a write is
unreadable; so each batch is a file of its own, in a folder that is no declared output.
"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import h5py

from fidelity.errors import InputError
from fidelity.hdf5 import atomic_hdf5, reading
from fidelity.maps import MapRecord, read_record, write_record

log = logging.getLogger(__name__)


class PartialStore:
    """The batches of one shard that are done.

    Batches of another fingerprint (other settings, code, weights or cases) are discarded.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """Open the folder, making it if need be.

        Args:
            folder: where the batches lie.
            fingerprint: of everything that decides the maps.
        """
        self.folder, self.fingerprint = folder, fingerprint

    def save(self, index: int, records: Sequence[MapRecord]) -> None:
        """Store a batch under a temporary name, sync, rename."""
        with atomic_hdf5(self._path(index)) as file:
            file.attrs["fingerprint"] = self.fingerprint
            file.attrs["records"] = len(records)
            for number, record in enumerate(records):
                write_record(file.create_group(f"{number:06d}"), record)

    def load(self, index: int) -> list[MapRecord] | None:
        """Give a stored batch, or None if there is none that fits."""
        path = self._path(index)
        if not path.exists():
            return None
        try:
            with reading(path, "It is computed anew"), h5py.File(path, "r") as file:
                if file.attrs.get("fingerprint") != self.fingerprint:
                    return None
                found = [read_record(file[name]) for name in sorted(file)]
                if len(found) != file.attrs["records"]:
                    raise ValueError(f"{len(found)} of {file.attrs['records']} maps")
                return found
        except InputError as error:
            log.warning("%s", error)
            return None

    def clear(self) -> None:
        """Remove the folder, once the shard is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.h5"
