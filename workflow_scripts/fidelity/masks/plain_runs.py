"""Run lengths that data sets write as pairs of decimal numbers, in two conventions.

SIIM-ACR: "gap length", column by column; each gap is counted from the end of the previous run.
CheXmask: "start length", row by row; starts are counted from 1.
"""

from collections.abc import Iterable

import numpy as np

from fidelity.base.errors import InputError


def decode_relative(texts: Iterable[str], size: tuple[int, int]) -> np.ndarray:
    """Decode the run lengths of SIIM-ACR, as `rle2mask` of its mask_functions.py does.

    Args:
        texts: one per row of the file; the result is their union.

    Raises:
        InputError: the text is not made of pairs, or the runs leave the image.
    """
    flat = np.zeros(size[0] * size[1], bool)
    for text in texts:
        gaps, lengths = _pairs(text)
        ends = np.cumsum(gaps + lengths)
        _fill(flat, ends - lengths, ends)
    return flat.reshape(size[1], size[0]).T


def decode_absolute(texts: Iterable[str], size: tuple[int, int]) -> np.ndarray:
    """Decode CheXmask's run lengths, as `get_mask_from_RLE` does; see `decode_relative`."""
    flat = np.zeros(size[0] * size[1], bool)
    for text in texts:
        starts, lengths = _pairs(text)
        _fill(flat, starts - 1, starts - 1 + lengths)
    return flat.reshape(size)


def _pairs(text: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        numbers = np.array([int(word) for word in text.split()], np.int64)
    except (ValueError, OverflowError) as error:
        raise InputError("the run lengths contain something that is not a whole number") from error
    if numbers.size % 2 or (numbers < 0).any():
        raise InputError("the run lengths are not pairs of numbers that are 0 or more")
    return numbers[::2], numbers[1::2]


def _fill(flat: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
    if starts.size and (starts.min() < 0 or ends.max() > flat.size):
        raise InputError(f"the run lengths extend beyond the image, which has {flat.size} pixels")
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        flat[start:end] = True
