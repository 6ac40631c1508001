"""Many result tables in few small Parquet files, and back again without a changed value."""

import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fidelity.base.errors import InputError
from fidelity.base.files import atomic_path, read_parquet

# GitHub shows files up to 1 MB; a unit's files stay below it.
MAX_BYTES = 900_000
RESTORE = "Restore the files of this unit"
NUMBER = "table"  # column of a packed file: which of its tables a row is from


def pack(tables: Mapping[str, pd.DataFrame], stem: Path, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Write tables below each other as Parquet files of limited size.

    Tables of one explainer repeat each other (two protocols share most numbers); in one file, equal
    values take little more than their first occurrence.

    Args:
        tables: name → table. Text, numbers and booleans; the index is not kept.
        stem: path of the files without number and suffix.

    Returns:
        What `unpack` needs: `files` (names), `tables` (names in the order of their numbers, each
        with its columns).

    Raises:
        InputError: a table would not come back as it was, or the disk is full.
    """
    parts = [table.assign(**{NUMBER: number}) for number, table in enumerate(tables.values())]
    whole = pd.concat(parts, ignore_index=True)
    # Rows of one case next to each other compress best, but would not come back in their order.
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
                remedy="Report this with the table",
            ) from error
    return found


def unpack(packed: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Read the tables of `pack` back.

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
                "lacks this column",
                file=folder / packed["files"][0],
                field=absent[0],
                remedy=RESTORE,
            )
        yield name, groups.get(number, whole.iloc[:0])[columns].reset_index(drop=True)


def _encoded(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    # Scores hardly repeat within a table. Compression finds the tables that hold the same ones.
    repeating = [name for name in table if not pd.api.types.is_float_dtype(table[name])]
    table.to_parquet(
        buffer, index=False, compression="zstd", compression_level=19, use_dictionary=repeating
    )
    return buffer.getvalue()
