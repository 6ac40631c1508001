"""Hashes and thumbnails of the images of a data set, to compare them with other data sets.

NIH's images are also in RSNA, SIIM-ACR and ChestX-Det, and COVID-QU-Ex shares some with QaTa. A
classifier trained on one data set may have seen the test images of another one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from fidelity.analysis.columns.cases import ACROSS
from fidelity.base.errors import InputError
from fidelity.base.files import AGAIN, atomic_path, write_csv
from fidelity.datasets.cases import Case
from fidelity.datasets.images.image_similarity import THUMBNAIL, Look, alike_pairs


@dataclass(frozen=True)
class Looks:
    """The images of a data set, as `write_looks` wrote them.

    Attributes:
        cases: (n,) ids.
        splits: (n,) train, val or test.
        hashes: (n,) uint64, perceptual hashes.
        thumbnails: (n, 32, 32) uint8.
    """

    cases: np.ndarray
    splits: np.ndarray
    hashes: np.ndarray
    thumbnails: np.ndarray


@dataclass(frozen=True)
class Across:
    """Near-duplicate images of two data sets."""

    dataset: str
    case: str
    split: str
    twin_dataset: str
    twin: str
    twin_split: str
    distance: int
    correlation: float


def looks_of(cases: Iterable[Case], looks: Mapping[str, Look | None]) -> Looks:
    """Put hashes and thumbnails into arrays; images that were not compared (None) are left out."""
    kept = [(case, look) for case in cases if (look := looks[case.case]) is not None]
    thumbnails = np.array([look.thumbnail for _, look in kept], np.uint8)
    return Looks(
        cases=np.array([case.case for case, _ in kept], np.str_),
        splits=np.array([case.split for case, _ in kept], np.str_),
        hashes=np.array([look.phash for _, look in kept], np.uint64),
        thumbnails=thumbnails.reshape(-1, THUMBNAIL, THUMBNAIL),
    )


def write_looks(path: str | Path, found: Looks) -> None:
    """Write hashes and thumbnails."""
    with atomic_path(path) as temporary, open(temporary, "wb") as out:
        np.savez_compressed(out, **vars(found))


def read_looks(path: str | Path) -> Looks:
    """Read what `write_looks` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            return Looks(*(found[name] for name in ("cases", "splits", "hashes", "thumbnails")))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot be read ({error})", file=path, remedy=AGAIN) from error


def twins_across(looks: Mapping[str, Looks], distance: int, correlation: float) -> Iterator[Across]:
    """Find near-duplicate images of any two data sets, including exact copies."""
    for (name, own), (other, theirs) in combinations(looks.items(), 2):
        sides = [(side.hashes, side.thumbnails) for side in (own, theirs)]
        for i, j, *how in alike_pairs(*sides, distance, correlation):
            one = (name, str(own.cases[i]), str(own.splits[i]))
            yield Across(*one, other, str(theirs.cases[j]), str(theirs.splits[j]), *how)


def write_across(path: str | Path, pairs: Iterable[Across]) -> None:
    """Write the pairs as CSV; only the header if there are none."""
    rows = [vars(pair) | {"correlation": f"{pair.correlation:.4f}"} for pair in pairs]
    write_csv(ACROSS.frame(rows), path)
