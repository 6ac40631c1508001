"""Divide the case table into shards, the units of work of one job."""

from collections.abc import Iterable
from pathlib import Path

from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case, write_cases
from fidelity.datasets.splits import SPLITS, hash_of


def shard_of(case: str, count: int) -> int:
    """Return which of `count` shards (from 0) a case is in; this depends only on its id."""
    return hash_of(case) % count


def shard_name(split: str, index: int) -> str:
    """Return the name of a shard: `test-003`."""
    return f"{split}-{index:03d}"


def write_shards(cases: Iterable[Case], counts: dict[str, int], folder: str | Path) -> list[str]:
    """Write one case table `{split}-{nnn}.csv` per shard into a folder, including empty shards.

    Args:
        counts: number of shards per split (1 for a split that is not named).

    Raises:
        InputError: a count is below 1 or names no split.
    """
    for split, count in counts.items():
        if split not in SPLITS or count < 1:
            raise InputError(
                f"{split}: the number of shards must be 1 or more, got {count}",
                field="shards",
                remedy="Give a number from 1 on for each of train, val and test",
            )
    parts: dict[str, list[Case]] = {
        shard_name(split, index): [] for split in SPLITS for index in range(counts.get(split, 1))
    }
    for case in cases:
        index = shard_of(case.case, counts.get(case.split, 1))
        parts[shard_name(case.split, index)].append(case)
    for name, part in parts.items():
        write_cases(Path(folder) / f"{name}.csv", part)
    return list(parts)
