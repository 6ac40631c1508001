"""The splits of a data set, in their order, and how cases without official splits are divided."""

import hashlib
from collections.abc import Mapping

SPLITS = ("train", "val", "test")
# For data sets without splits of their own.
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
# Shares of the official training split, if there is no official validation split.
VALIDATION = {"train": 0.9, "val": 0.1}
# For patients if there is no training split.
THIRDS = {"val": 1 / 3, "test": 2 / 3}


def hash_of(text: str, size: int = 8) -> int:
    """Hash a text to a number of `size` bytes (blake2b)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest(), "big")


def seeded_split(unit: str, seed: int, shares: Mapping[str, float] = SHARES) -> str:
    """Choose by `split_seed` the split of a patient, or of an image if patients are unknown.

    The choice depends only on the id and the seed: adding or removing images moves no other one.
    """
    draw = hash_of(f"{seed}\0{unit}") / 2**64
    for split, share in shares.items():
        draw -= share
        if draw < 0:
            return split
    return split


def with_validation(official: str, unit: str, seed: int) -> str:
    """Return the official split; a part of the training split becomes the validation split."""
    return seeded_split(unit, seed, VALIDATION) if official == "train" else official
