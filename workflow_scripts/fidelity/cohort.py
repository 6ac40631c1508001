"""Reading the saliency maps of all shards together with the cases they belong to."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fidelity.datasets.prepared import PreparedCase, PreparedShard
from fidelity.errors import InputError
from fidelity.joblog import working_on
from fidelity.maps import MapRecord, read_maps

SPLITS = ("train", "val", "test")


def explained_cases(
    maps: Sequence[str | Path], prepared: Sequence[str | Path]
) -> Iterator[tuple[PreparedCase, MapRecord]]:
    """Pair each map with its case, one shard in memory at a time.

    Args:
        maps: map files, one per shard.
        prepared: prepared shards in the same order.

    Yields:
        Case and map record, in the order of the files.

    Raises:
        InputError: a map belongs to a case its shard does not have.
        ValueError: maps and shards differ in number.
    """
    for map_file, shard_file in zip(maps, prepared, strict=True):
        with PreparedShard(shard_file) as shard:
            cases = {case.case: case for case in shard}
        for record in read_maps(map_file):
            if record.case not in cases:
                raise InputError(
                    f"the case is not in {shard_file}",
                    file=map_file,
                    field=record.case,
                    remedy="Delete the map file and run again",
                )
            working_on(record.case)
            yield cases[record.case], record
    working_on("")


def order_of(split: str, case: str, cls: str) -> tuple[int, str, str]:
    """Give the sorting key of result rows: independent of shards and of the order of files."""
    return SPLITS.index(split), case, cls
