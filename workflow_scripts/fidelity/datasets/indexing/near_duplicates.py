"""Near-duplicates in two splits: find, report and leave out images that look the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from fidelity.analysis.columns.cases import NEAR_DUPLICATES
from fidelity.base.files import write_csv
from fidelity.datasets.cases import Case
from fidelity.datasets.images.image_similarity import Look, alike_pairs
from fidelity.datasets.indexing.leakage import PRIORITY


@dataclass(frozen=True)
class NearDuplicate:
    """A case whose image looks like one in a split of higher priority (test, val, train).

    Attributes:
        case: the case that would be left out.
        twin: the case that would be kept.
        distance: number of bits that differ between their 64-bit perceptual hashes.
        excluded: whether `case` was left out because of this pair.
    """

    case: Case
    twin: Case
    distance: int
    correlation: float
    excluded: bool = False

    @property
    def reason(self) -> str:
        return (
            f"near-duplicate of {self.twin.case!r} in {self.twin.split}"
            f" (hash distance {self.distance}, correlation {self.correlation:.3f})"
        )


def find_near_duplicates(
    cases: Sequence[Case],
    looks: Sequence[Look],
    digests: Sequence[str],
    *,
    distance: int,
    correlation: float,
) -> list[NearDuplicate]:
    """Find the pairs of similar images in two splits, sorted by split, case and twin.

    Args:
        digests: hash of the pixels of each case's image. Pairs with the same digest are exact
            copies; the setting `duplicates` handles them, so they are not listed here.
    """
    hashes = np.array([look.phash for look in looks], np.uint64)
    thumbnails = np.array([look.thumbnail for look in looks])
    splits = np.array([PRIORITY.index(case.split) for case in cases])
    found = []
    for kept, lower in combinations(range(len(PRIORITY)), 2):
        a, b = np.nonzero(splits == lower)[0], np.nonzero(splits == kept)[0]
        sides = [(hashes[side], thumbnails[side]) for side in (a, b)]
        for i, j, *how in alike_pairs(*sides, distance, correlation):
            one, other = a[i], b[j]
            if digests[one] != digests[other]:
                found.append(NearDuplicate(cases[one], cases[other], *how))
    return sorted(found, key=_order)


def excluded(pairs: Iterable[NearDuplicate]) -> list[NearDuplicate]:
    """Mark the cases to leave out: those with a kept twin in a split of higher priority."""
    pairs, gone = list(pairs), set()
    # Validation before training: a training image may stay if its twin in validation was left out.
    for split in PRIORITY:
        gone |= {p.case.case for p in pairs if p.case.split == split and p.twin.case not in gone}
    return [replace(pair, excluded=pair.case.case in gone) for pair in pairs]


def write_near_duplicates(path: str | Path, pairs: Iterable[NearDuplicate]) -> None:
    """Write the pairs as CSV; only the header if there are none."""
    rows = []
    for p in pairs:
        sides = [(side.case, side.split, "|".join(side.labels)) for side in (p.case, p.twin)]
        flag = "yes" if p.excluded else "no"
        rows.append((*sides[0], *sides[1], p.distance, f"{p.correlation:.4f}", flag))
    write_csv(NEAR_DUPLICATES.frame(rows), path)


def _order(pair: NearDuplicate) -> tuple[int, str, int, str]:
    case, twin = pair.case, pair.twin
    return PRIORITY.index(case.split), case.case, PRIORITY.index(twin.split), twin.case
