"""The splits of a data set, in their order, and how units without an official one are divided."""

import hashlib
from collections.abc import Mapping

SPLITS = ("train", "val", "test")
# Of data sets without splits of their own.
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
# Part of the official training split that becomes the validation split where there is none.
VALIDATION = {"train": 0.9, "val": 0.1}
# Of patients without a training split.
THIRDS = {"val": 1 / 3, "test": 2 / 3}


def hash_of(text: str, size: int = 8) -> int:
    """Hash a text to a number of `size` bytes (blake2b)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest(), "big")


def seeded_split(unit: str, seed: int, shares: Mapping[str, float] = SHARES) -> str:
    """Draw the split of a patient, or of an image where patients are unknown.

    The draw depends on the id and the seed alone: more or fewer images move nobody.

    Args:
        seed: `split_seed` of the data set.
    """
    draw = hash_of(f"{seed}\0{unit}") / 2**64
    for split, share in shares.items():
        draw -= share
        if draw < 0:
            return split
    return split


def with_validation(official: str, unit: str, seed: int) -> str:
    """Give the official split; a part of the training split becomes the validation split."""
    return seeded_split(unit, seed, VALIDATION) if official == "train" else official
