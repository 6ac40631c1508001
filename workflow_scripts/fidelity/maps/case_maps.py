"""Read the saliency maps of all shards together with the cases they belong to."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.errors import InputError
from fidelity.datasets.prepared import PreparedCase, PreparedShard
from fidelity.datasets.splits import SPLITS
from fidelity.maps.saliency_map import REMEDY, MapRecord, read_maps, unanswered


def explained_cases(
    maps: Sequence[str | Path], prepared: Sequence[str | Path], left_out: str = ""
) -> Iterator[tuple[PreparedCase, MapRecord]]:
    """Pair each map with its case; only one shard is in memory at a time.

    Args:
        maps: map files, one per shard.
        prepared: prepared shards in the same order.
        left_out: the reader who is left out of the reference (`PreparedCase.against`); empty for
            none.

    Raises:
        InputError: a file is damaged; a map belongs to a case that is not in the shard; there are
            two maps of a case and class; or maps of the shard are missing.
        ValueError: maps and shards differ in number.
    """
    for map_file, shard_file in zip(maps, prepared, strict=True):
        with PreparedShard(shard_file) as shard:
            cases = {c.case: c.against(left_out) if left_out else c for c in shard}
        missing = {(name, cls) for name, case in cases.items() for cls in case.explained}
        seen: set[tuple[str, str]] = set()
        for record in read_maps(map_file):
            key = (record.case, record.cls)
            if record.case not in cases:
                raise InputError(
                    f"the case is not in {shard_file}",
                    file=map_file,
                    field=record.case,
                    remedy=REMEDY,
                )
            if key in seen:
                raise InputError(
                    "the file has two maps of the same case",
                    file=map_file,
                    field="/".join(key),
                    remedy=REMEDY,
                )
            seen.add(key)
            missing.discard(key)
            yield cases[record.case], record
        absent = unanswered(map_file)
        if absent is not None and len(missing) != absent:
            raise InputError(
                f"the file has maps of {len(seen)} cases, but {len(missing)} cases of"
                f" {shard_file} have none ({absent} were left out on purpose)",
                file=map_file,
                field="/".join(min(missing)) if missing else None,
                remedy=REMEDY,
            )


def row_head(case: PreparedCase, cls: str) -> dict[str, Any]:
    """Return the first columns of the result row of a case and class."""
    return {"case": case.case, "patient": case.patient, "split": case.split, "class": cls}


def order_of(split: str, case: str, cls: str) -> tuple[int, str, str]:
    """Return the sorting key of result rows. It does not depend on shards or the order of files."""
    return SPLITS.index(split), case, cls


def order_of_row(row: Mapping[str, Any]) -> tuple[int, str, str]:
    """Return the sorting key (`order_of`) of a row with the columns split, case and class."""
    return order_of(row["split"], row["case"], row["class"])
