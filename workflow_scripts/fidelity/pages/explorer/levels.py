"""Store maps and masks for the explorer: one byte per pixel, exact at the sweep's thresholds.

A pixel's level is the number of thresholds that its value exceeds. So `level > k` is the same mask
as `map > threshold k`, and every score at a threshold can be recomputed from levels.
"""

import base64
import zlib

import numpy as np

# Levels are stored as bytes.
MOST = 255


def thresholds_of(number: int) -> np.ndarray:
    """Choose the thresholds of the levels from the sweep's `number` from 0 to 1.

    Returns:
        float64 (k,), k at most 255: the sweep's own thresholds, or if these are too many, every
        second, third, … of them.
    """
    thresholds = np.linspace(0, 1, number)
    return thresholds[:: -(-number // MOST)]


def levels_of(map01: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Count for each pixel the thresholds that it exceeds.

    Args:
        map01: float32 (H, W) in [0, 1].
        thresholds: ascending (k,), k at most 255; rounded to float32, as the sweep does.

    Returns:
        uint8 (H, W), 0 to k: `levels > i` equals `map01 > thresholds[i]`.
    """
    found = np.searchsorted(np.asarray(thresholds, np.float32), map01.ravel(), side="left")
    return found.astype(np.uint8).reshape(map01.shape)


def best_level(levels: np.ndarray, mask: np.ndarray, number: int) -> int:
    """Find the threshold whose mask is most similar to a stored mask.

    Args:
        levels: uint8 (H, W).
        mask: boolean (H, W).

    Returns:
        The k, 0 to number - 1, for which `levels > k` and the mask differ in the fewest pixels.
    """
    inside = np.cumsum(np.bincount(levels[mask], minlength=number + 1))
    outside = np.cumsum(np.bincount(levels[~mask], minlength=number + 1))
    return int(np.argmin((inside + outside[-1] - outside)[:number]))


def packed_levels(levels: np.ndarray) -> dict[str, object]:
    """Pack levels as `plain` bytes, or as `rows`: each row minus the one above, for smooth maps.

    Returns:
        `how` and `data`, whichever is shorter.
    """
    above = np.zeros_like(levels)
    above[1:] = levels[:-1]
    packed = {"plain": packed_bytes(levels), "rows": packed_bytes(levels - above)}
    how = min(packed, key=lambda name: len(packed[name]))
    return {"how": how, "data": packed[how]}


def packed_mask(levels: np.ndarray, mask: np.ndarray, number: int) -> list[object]:
    """Pack a stored mask as a threshold, and the pixels that differ from the threshold's mask.

    Args:
        levels: uint8 (H, W) of the same map.
        mask: boolean (H, W).
        number: number of thresholds.

    Returns:
        [k, bits], with empty bits if no pixel differs; the mask is `levels > k` XOR bits.
    """
    k = best_level(levels, mask, number)
    rest = (levels > k) ^ mask
    return [k, packed_bits(rest) if rest.any() else ""]


def packed_bits(mask: np.ndarray) -> str:
    """Pack a boolean array: eight pixels per byte, highest bit first; then as `packed_bytes`."""
    return packed_bytes(np.packbits(mask))


def packed_bytes(values: np.ndarray) -> str:
    """Compress bytes (zlib) and write them as base64."""
    return base64.b64encode(zlib.compress(values.tobytes(), 9)).decode("ascii")
