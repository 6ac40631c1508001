"""One unit of a study on disk: its tables, and the settings and code behind them."""

import gzip
import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from fidelity.analysis.columns.cases import DATA_WARNINGS
from fidelity.base.errors import InputError
from fidelity.base.files import (
    atomic_path,
    read_json,
    read_parquet,
    write_csv,
    write_parquet,
    write_text,
)
from fidelity.study.paths import (
    FAITHFULNESS,
    HIDING,
    KNOWN_TRUTH,
    NONE,
    REPEATABILITY,
    SCORES,
    below_results,
)
from fidelity.units.packing import RESTORE, pack, unpack

FORMAT = 1
INDEX = "unit.json"
COST = "cost.csv"
# Result folders whose tables are named after explainers and not after their content.
FOLDERS = [
    PurePosixPath(pattern).parts[2]
    for pattern in (FAITHFULNESS, HIDING, KNOWN_TRUTH, REPEATABILITY)
]


@dataclass(frozen=True)
class Unit:
    """A folder that `write_unit` writes, and its content.

    Attributes:
        name: classifier with training seed; `none` for results that do not depend on a classifier.
        own: config entries that only this unit depends on.
        shared: config entries that all units of a data set share.
        code: digest of the code behind each rule that computed a result.
        tables: input of `packing.unpack`, by group.
        copies: result path → file in the folder.
        plugins: path in `shared` → file in the folder.
        provenance: commit, packages, machine, dates and bytes; see `unit_provenance.origin_of`.
        cases: digest of all cases with their images and masks; empty if the unit has none.
        shown: titles, order and colours of `config_entries.shown_entries`; empty in older units.
        format: version of the layout.
    """

    folder: Path
    name: str
    dataset: str
    own: Mapping[str, Any]
    shared: Mapping[str, Any]
    code: Mapping[str, str]
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)
    place: Sequence[int] = (0, 0)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    cases: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT


def digest(entries: Mapping[str, Any]) -> str:
    """Hash config entries independently of their order."""
    text = json.dumps(entries, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def write_unit(
    unit: Unit,
    results: Path,
    paths: Iterable[str],
    plugins: Mapping[str, str] = MappingProxyType({}),
) -> Unit:
    """Pack result files of one classifier, or of none, into a folder small enough to commit.

    Args:
        unit: the unit with its folder, which is written; an earlier one is replaced.
        paths: files below `results`, each starting with the data set's folder. Parquet tables with
            the same name, or of the same explainer, share a file. Other files are copied and
            compressed.
        plugins: path in `shared` → the plugin's file.

    Returns:
        The unit, completed with the content of the folder.

    Raises:
        InputError: a result is missing or damaged, or the disk is full.
    """
    folder = unit.folder
    shutil.rmtree(folder, ignore_errors=True)
    groups: dict[str, dict[str, Any]] = defaultdict(dict)
    packed = {path: f"{path.replace('/', '--')}.gz" for path in plugins}
    copies = {}
    for path in paths:
        if path.endswith(".parquet"):
            groups[_group(path)][path] = read_parquet(results / path)
        else:
            copies[path] = f"{path.replace('/', '--')}.gz"
            _copy(results / path, folder / copies[path])
    tables = {group: pack(found, folder / group) for group, found in sorted(groups.items())}
    for path, name in packed.items():
        _copy(Path(plugins[path]), folder / name)
    made = replace(unit, plugins=packed, tables=tables, copies=copies, format=FORMAT)
    index = {
        "own_digest": digest(unit.own),
        "shared_digest": digest(unit.shared),
        **{key: value for key, value in vars(made).items() if key != "folder"},
    }
    write_text(folder / INDEX, json.dumps(index, indent=1, ensure_ascii=False) + "\n")
    return read_unit(folder)


def read_unit(folder: Path) -> Unit:
    """Read the index of a unit.

    Raises:
        InputError: there is no unit, it is damaged, or a later version wrote it.
    """
    path = folder / INDEX
    index = read_json(path)
    needed = ("name", "dataset", "own", "shared", "code", "tables", "copies", "format")
    absent = [key for key in needed if key not in index]
    if absent:
        raise InputError("this key is missing", file=path, field=absent[0], remedy=RESTORE)
    if index["format"] > FORMAT:
        raise InputError(
            f"was written by a later version (format {index['format']})",
            file=path,
            field="format",
            remedy=f"Use a version that reads it; this one reads formats up to {FORMAT}",
        )
    for key in ("own", "shared"):
        if digest(index[key]) != index.get(f"{key}_digest"):
            raise InputError(
                "was edited: it does not match its digest",
                file=path,
                field=key,
                remedy="Restore the file, or run the unit again",
            )
    known = {entry.name for entry in fields(Unit)}
    return Unit(folder, **{key: value for key, value in index.items() if key in known})


def restore(unit: Unit, results: Path) -> None:
    """Write a unit's files back to the paths where the analysis expects them.

    A unit that was packed before data_warnings.csv existed gets an empty one.

    Args:
        results: the folder `results` of the re-analysis; plugins are written next to it.

    Raises:
        InputError: a file is missing or damaged, or the disk is full.
    """
    tables = [name for packed in unit.tables.values() for name, _ in packed["tables"]]
    for path in [*unit.copies, *tables, *unit.plugins]:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise InputError(
                f"{path!r} is outside the folder of results",
                file=unit.folder / INDEX,
                remedy=RESTORE,
            )
    for packed in unit.tables.values():
        for path, table in unpack(packed, unit.folder):
            write_parquet(table, results / path)
    for path, name in unit.copies.items():
        _extract(unit.folder / name, results / path)
    told = below_results(DATA_WARNINGS.file.format(dataset=unit.dataset))
    if unit.name == NONE and told not in unit.copies:
        write_csv(DATA_WARNINGS.frame(), results / told)
    for path, name in unit.plugins.items():
        _extract(unit.folder / name, results.parent / path)


def _group(path: str) -> str:
    """Return the name of a table's packed file: by explainer for scores, otherwise by content."""
    _, *folders, name = PurePosixPath(path).parts
    if name == PurePosixPath(SCORES).name:
        return f"scores-{folders[-3]}"
    return folders[0] if folders and folders[0] in FOLDERS else name.removesuffix(".parquet")


def _copy(path: Path, compressed: Path) -> None:
    """Compress a file; equal content gives equal bytes."""
    try:
        content = gzip.compress(path.read_bytes(), 9, mtime=0)
    except OSError as error:
        raise InputError(
            f"cannot be read ({error})", file=path, remedy="Run the study to its end first"
        ) from error
    with atomic_path(compressed) as temporary:
        temporary.write_bytes(content)


def _extract(compressed: Path, path: Path) -> None:
    try:
        content = gzip.decompress(compressed.read_bytes())
    except (OSError, EOFError) as error:
        raise InputError(
            f"cannot be read ({error})",
            file=compressed,
            remedy=RESTORE,
        ) from error
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
