"""How many pixels a percentile keeps; without numpy, because every config is checked with it."""

import math

from fidelity.base.errors import InputError


def kept_pixels(pixels: int, percentile: float, masks: str = "a mask") -> int:
    """Compute the number of pixels among the highest (100 - percentile) %, rounded down.

    Args:
        pixels: number of pixels of a mask.
        percentile: in [0, 100).
        masks: what the error calls the masks.

    Raises:
        InputError: less than one pixel is kept.
    """
    # Round first, because 100 - 99.9 is slightly less than 0.1 in binary.
    kept = math.floor(round(pixels * (100 - percentile) / 100, 6))
    if not kept:
        raise InputError(
            f"percentile {percentile} keeps less than one of the {pixels} pixels of {masks}, so"
            " every mask would be empty",
            field="percentile",
            remedy=f"Use at most {math.floor(1e4 * (100 - 100 / pixels)) / 1e4:g}",
        )
    return kept
