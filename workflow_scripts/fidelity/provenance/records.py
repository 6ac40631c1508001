"""Keep Snakemake's records of results: list them next to the tables, and restore missing ones.

Only the Snakefile imports this module, inside Snakemake.
"""

import os
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from snakemake.persistence.file import FilePersistence

from fidelity.base.errors import InputError
from fidelity.base.files import content_hash, write_text
from fidelity.provenance import result_origins
from fidelity.provenance.result_origins import Places, listing_of, made_at
from fidelity.study import paths
from fidelity.study.paths import SUMMARY

# Some archives and file systems round times to one or two seconds; such a change is ignored.
TOLERANCE = 2.1
# The record of a result of unknown origin. No job has such a setting, so it is recomputed.
UNKNOWN = {"params": ["'not known'"], "record_format_version": 6, "incomplete": False}


class Records(FilePersistence):
    """The records in `.snakemake` of the folder that Snakemake works in."""

    def __init__(self) -> None:
        """Open the folder, and create it if necessary."""
        super().__init__(nolock=True)

    def paths(self) -> list[str]:
        """List the results that have a record."""
        found = []
        for folder, _, names in os.walk(self._metadata_path):
            inside = Path(folder).relative_to(self._metadata_path).parts
            for name in names:
                parts = [part.removeprefix("@") for part in (*inside, name)]
                found.append(urlsafe_b64decode("".join(parts)).decode())
        return found

    def read(self, path: str) -> dict[str, Any]:
        """Return a result's record; empty if it has none."""
        return self._io_read(self._metadata_path, path)

    def has(self, path: str) -> bool:
        """Check whether a result has a record."""
        return os.path.exists(self._record_path(self._metadata_path, path))

    def write(self, path: str, record: Mapping[str, Any]) -> None:
        """Store a result's record."""
        self._io_write(self._metadata_path, dict(record), path)

    def unfinished(self, path: str) -> bool:
        """Check whether a job that makes this result has started but not finished."""
        return os.path.exists(self._record_path(self._incomplete_path, path))

    def stamp(self, dataset: str) -> Path:
        """Return the file with the hash of the listing that was last written or read here."""
        return Path(self.path) / "made_of" / dataset


def running_mark(dataset: str) -> Path:
    """Return the file that exists during a run, when the listing may be older than the results."""
    return listing_of(dataset).with_name(".made_of.running")


def mark_running(datasets: Iterable[str]) -> None:
    """Note that results may change before they are listed again."""
    for dataset in [*datasets, SUMMARY]:
        if listing_of(dataset).exists():
            # If the disk is full, the jobs report it.
            with suppress(OSError):
                running_mark(dataset).touch()


def write_listings(
    raw: Mapping[str, str],
    places: Places,
    accepted: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """List at the end of a run what the results were made of.

    Args:
        raw: data set → the folder of its acquired files.
        accepted: see `result_origins.to_json`; earlier marks are kept.
    """
    records = Records()
    groups: dict[str, list[str]] = {dataset: [] for dataset in [*raw, SUMMARY]}
    for path in records.paths():
        if (owner := paths.dataset_of(path, groups)) is not None:
            groups[owner].append(path)
        for dataset in (name for name, folder in raw.items() if folder == path):
            groups[dataset].append(path)
    for dataset, own in groups.items():
        found = {path: records.read(path) for path in own if os.path.exists(path)}
        found = {path: record for path, record in found.items() if record.get("rule")}
        if found:
            listing, before = listing_of(dataset), _accepted_before(dataset, found)
            # A full disk has already been reported; the mark of the run stays.
            with suppress(OSError, InputError):
                listing.parent.mkdir(parents=True, exist_ok=True)
                write_text(listing, result_origins.to_json(found, {**accepted, **before}, places))
                _remember(records, dataset)
                running_mark(dataset).unlink(missing_ok=True)


def _accepted_before(dataset: str, found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Keep earlier marks of `make accept` for results that were not recomputed since."""
    before = (result_origins.read(listing_of(dataset)) or {"results": {}})["results"]
    return {
        path: before[path]["computed_by"]
        for path, record in found.items()
        if "computed_by" in before.get(path, {}) and before[path]["made"] == record["endtime"]
    }


def take_over(
    raw: Mapping[str, str], patterns: Sequence[re.Pattern[str]], places: Places
) -> list[str]:
    """Make sure that Snakemake knows what each result was made of, before it plans.

    If a listing was not written here, its results were moved, and their records are restored from
    it. Results that are neither listed nor recorded are recomputed, because their origin is
    unknown. So are results that were edited or replaced by other files, if other jobs read them.

    Args:
        raw: data set → the folder of its acquired files.

    Raises:
        InputError: the results of a data set have no record at all.
    """
    if os.path.exists(paths.RESTORED):
        return []
    records, notes = Records(), []
    for dataset in [*raw, SUMMARY]:
        listing, folder = listing_of(dataset), Path(_folder(dataset))
        if not folder.is_dir():
            continue
        stamp = records.stamp(dataset)
        if listing.exists():
            own = stamp.exists() and stamp.read_text() == content_hash(listing)
            taken, unknown = 0, _replaced(records, dataset) if own else None
            if unknown is None:
                taken, unknown = _restore(records, dataset, places)
            elif not (unknown or running_mark(dataset).exists()):
                continue
            unknown = sorted({*unknown, *_unrecorded(records, folder, patterns)})
            if taken:
                notes.append(
                    f"{folder}: the records of how {_counted(taken)} were made are read"
                    f" from {listing}"
                )
        else:
            unknown = _unrecorded(records, folder, patterns)
            if unknown and not any(path.startswith(f"{folder}/") for path in records.paths()):
                raise InputError(
                    f"no record shows how the {_counted(len(unknown))} in this folder were made:"
                    f" .snakemake and {listing} were not copied or were deleted",
                    file=folder,
                    remedy=f"Copy one of the two from the original folder, or delete {folder} to"
                    " recompute it",
                )
        for path in unknown:
            records.write(path, UNKNOWN)
        if listing.exists():
            _remember(records, dataset)
        if unknown:
            listed = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
            notes.append(
                f"{folder}: no record shows how {_counted(len(unknown))} were made, so they are"
                f" recomputed: {listed}"
            )
    return notes


def _restore(records: Records, dataset: str, places: Places) -> tuple[int, list[str]]:
    """Store the records of a listing; return their number, and the results that do not match it."""
    listing = result_origins.read(listing_of(dataset))
    if listing is None:
        raise InputError(
            "cannot be read. It lists how the results in its folder were made",
            file=listing_of(dataset),
            remedy=f"Copy it again, or delete {_folder(dataset)} to recompute it",
        )
    entries = {p: e for p, e in listing["results"].items() if os.path.exists(p)}
    below = f"{_folder(dataset)}/"
    own_entries = {path: entry for path, entry in entries.items() if path.startswith(below)}
    if not any(_same_time(path, entry["made"]) for path, entry in own_entries.items()):
        # The copy lost the times; those in the listing are right for files of the same size.
        if own_entries and running_mark(dataset).exists():
            raise InputError(
                "the results were copied without their times from a run that was killed, so the"
                " list of results may be older than the results",
                file=_folder(dataset),
                remedy="Copy them again with their times: cp -a, or rsync -a",
            )
        for path, entry in entries.items():
            if result_origins.size_of(path) == entry["size"]:
                result_origins.set_made_at(path, entry["made"])
    taken, unknown = 0, []
    for path, record in result_origins.records_in({**listing, "results": entries}, places).items():
        own = records.read(path)
        if _same_time(path, record["endtime"]):
            # The times must be exactly equal, or jobs that use the result as input would be due.
            if own.get("endtime") != record["endtime"] or own.get("params") != record.get("params"):
                records.write(path, {**record, "endtime": made_at(path)})
                taken += 1
        elif not own or not _same_time(path, own.get("endtime", 0)):
            unknown.append(path)
    return taken, unknown


def _replaced(records: Records, dataset: str) -> list[str] | None:
    """List the results that jobs read and that have changed since they were computed here.

    Snakemake would not notice: it compares no result with its own record.

    Returns:
        The results; None if all have other times, because a copy has lost them.
    """
    listing = result_origins.read(listing_of(dataset)) or {"results": {}, "texts": []}
    numbers = {n for entry in listing["results"].values() for n in entry["record"].get("input", ())}
    read = {listing["texts"][number] for number in numbers}
    there = [path for path in listing["results"] if path in read and os.path.exists(path)]
    found = [
        path
        for path in there
        if not _same_time(path, listing["results"][path]["made"])
        # A killed run may have computed it again.
        and not _same_time(path, records.read(path).get("endtime", 0))
        and not records.unfinished(path)
    ]
    return None if there and len(found) == len(there) else found


def _unrecorded(records: Records, folder: Path, patterns: Sequence[re.Pattern[str]]) -> list[str]:
    """List the finished results in a folder that have no record."""
    found = []
    for path in _below(str(folder)):
        if records.has(path) or records.unfinished(path):
            continue
        if any(pattern.fullmatch(path) for pattern in patterns):
            found.append(path)
    return sorted(found)


def _below(folder: str) -> Iterator[str]:
    for top, folders, names in os.walk(folder):
        yield from (f"{top}/{name}" for name in (*folders, *names))


def _folder(dataset: str) -> str:
    return paths.DATASET.format(dataset=dataset)


def _same_time(path: str, time: float) -> bool:
    made = made_at(path)
    return made is not None and abs(made - time) < TOLERANCE


def _remember(records: Records, dataset: str) -> None:
    stamp = records.stamp(dataset)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(content_hash(listing_of(dataset)))


def _counted(number: int) -> str:
    return f"{number} result{'s' * (number != 1)}"
