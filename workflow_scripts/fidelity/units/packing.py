"""Pack many result tables into few small Parquet files, and unpack them unchanged."""

import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path, read_parquet

# Limit for a unit's files, because GitHub displays files up to 1 MB.
MAX_BYTES = 900_000
RESTORE = "Restore the files of this unit"
NUMBER = "table"  # column of a packed file: number of the table that a row belongs to


def pack(tables: Mapping[str, pd.DataFrame], stem: Path, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Write tables one below the other to Parquet files of limited size.

    Tables of one explainer are similar (two protocols share most numbers). In one file, repeated
    values take almost no space.

    Args:
        tables: name → table of text, numbers and booleans; the index is not kept.
        stem: path of the files without number and suffix.

    Returns:
        The input of `unpack`: `files` (names) and `tables` (names in the order of their numbers,
        each with its columns).

    Raises:
        InputError: a table would be changed by packing, or the disk is full.
    """
    parts = [table.assign(**{NUMBER: number}) for number, table in enumerate(tables.values())]
    whole = pd.concat(parts, ignore_index=True)
    # Sorting rows by case would compress best, but would lose the order of the rows.
    chunks = 1
    while True:
        rows = max(1, math.ceil(len(whole) / chunks))
        starts = range(0, max(len(whole), 1), rows)
        encoded = [_encoded(whole.iloc[start : start + rows]) for start in starts]
        if max(map(len, encoded)) <= limit or rows == 1:
            break
        chunks += 1
    names = []
    for number, content in enumerate(encoded, start=1):
        name = f"{stem.name}.parquet" if len(encoded) == 1 else f"{stem.name}-{number}.parquet"
        with atomic_path(stem.with_name(name)) as temporary:
            temporary.write_bytes(content)
        names.append(name)
    found = {
        "files": names,
        "tables": [[name, list(table.columns)] for name, table in tables.items()],
    }
    for name, table in unpack(found, stem.parent):
        try:
            pd.testing.assert_frame_equal(table, tables[name].reset_index(drop=True))
        except AssertionError as error:
            raise InputError(
                f"the table would change when it is written and read again: {error}",
                file=stem.with_name(names[0]),
                field=name,
                remedy="Report this as a bug, with the table",
            ) from error
    return found


def unpack(packed: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the tables of `pack`, with their names.

    Raises:
        InputError: a file is missing or damaged, or lacks rows or columns.
    """
    try:
        parts = [read_parquet(folder / name, [NUMBER]) for name in packed["files"]]
    except InputError as error:
        raise InputError(
            error.problem, file=error.file, field=error.field, remedy=RESTORE
        ) from error
    whole = pd.concat(parts, ignore_index=True)
    groups = dict(list(whole.groupby(NUMBER, sort=False)))
    for number, (name, columns) in enumerate(packed["tables"]):
        absent = [column for column in columns if column not in whole.columns]
        if absent:
            raise InputError(
                "this column is missing",
                file=folder / packed["files"][0],
                field=absent[0],
                remedy=RESTORE,
            )
        yield name, groups.get(number, whole.iloc[:0])[columns].reset_index(drop=True)


def _encoded(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    # No dictionary for scores: they hardly repeat within a table, and zstd finds repeated tables.
    repeating = [name for name in table if not pd.api.types.is_float_dtype(table[name])]
    table.to_parquet(
        buffer, index=False, compression="zstd", compression_level=19, use_dictionary=repeating
    )
    return buffer.getvalue()
