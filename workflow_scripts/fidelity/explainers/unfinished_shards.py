"""Keep finished batches (or cases) of an unfinished shard, so that a killed job can resume.

Snakemake deletes the declared outputs of a failed job, and an HDF5 file is unreadable if its writer
was killed. So each batch is a separate file, in a folder that is not a declared output.
"""

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py

from fidelity.base.errors import InputError
from fidelity.base.files import all_but_newest
from fidelity.base.hdf5 import atomic_hdf5, reading
from fidelity.maps.saliency_map import MapRecord, read_record, write_record

# Number of folders with other fingerprints that are kept.
OTHERS = 2

log = logging.getLogger(__name__)


class PartialStore:
    """The finished batches of one shard.

    Batches of another fingerprint (other settings, code, weights or cases) have a separate folder.
    So trying another setting for a while deletes none of them until the shard is finished.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """Open the folder, and create it if necessary.

        Args:
            fingerprint: of everything that decides the maps.
        """
        self.shard, self.fingerprint = folder, fingerprint
        self.folder = folder / fingerprint[:16]
        others = [path for path in folder.glob("*/") if path != self.folder]
        for path in all_but_newest(others, OTHERS):
            shutil.rmtree(path, ignore_errors=True)

    def save(self, index: int, records: Sequence[MapRecord]) -> None:
        """Store a batch under a temporary name, sync, rename."""
        with atomic_hdf5(self._path(index)) as file:
            file.attrs["fingerprint"] = self.fingerprint
            file.attrs["records"] = len(records)
            for number, record in enumerate(records):
                write_record(file.create_group(f"{number:06d}"), record)

    def load(self, index: int) -> list[MapRecord] | None:
        """Return a stored batch, or None if no matching one exists."""
        path = self._path(index)
        if not path.exists():
            return None
        try:
            with reading(path, remedy="It will be recomputed"), h5py.File(path, "r") as file:
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
        """Remove the folder of the shard, once it is written."""
        shutil.rmtree(self.shard, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.h5"


@dataclass(frozen=True)
class Finished:
    """How much of its shard a job has finished.

    Attributes:
        cases: number of cases that were saved, failures included.
        seconds: time that they took.
        latest: time of the last save, in seconds since the epoch.
    """

    cases: int
    seconds: float
    latest: float


def finished(folder: Path) -> Finished | None:
    """Read the progress of a shard, while its job runs or afterwards.

    Returns:
        None if nothing readable is there. Only batches of the newest fingerprint count.
    """
    try:
        paths = {path: path.stat().st_mtime for path in folder.glob("*/[0-9]*.h5")}
        newest_first = sorted(paths, key=paths.__getitem__, reverse=True)
        fingerprint, cases, seconds = None, set(), 0.0
        for path in newest_first:
            try:
                with reading(path, remedy="Look again"), h5py.File(path, "r") as file:
                    fingerprint = fingerprint or file.attrs["fingerprint"]
                    if file.attrs["fingerprint"] != fingerprint:
                        continue
                    records = [json.loads(file[name].attrs["record"]) for name in file]
            except InputError:  # damaged: its job will report it
                continue
            cases |= {record["case"] for record in records}
            seconds += sum(record["seconds"] for record in records)
    except FileNotFoundError:  # the job has ended meanwhile and removed them
        return None
    return Finished(len(cases), seconds, paths[newest_first[0]]) if cases else None
