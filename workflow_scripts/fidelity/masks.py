"""What a mask is: a boolean array in memory, COCO run-length encoding on disk.

The JSON layout {case: {class: {"size": [h, w], "counts": str}}} is that of CheXlocalize; the
encoding itself is pycocotools'.
"""

import json
from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np
from pycocotools import mask as coco

from fidelity.errors import InputError
from fidelity.files import write_text


class RLE(TypedDict):
    """A run-length encoded mask: size (height, width) and compressed column-major counts."""

    size: list[int]
    counts: str


Masks = dict[str, dict[str, RLE]]

# A few characters can claim any number of pixels; the largest radiographs have about 30 million.
MAX_PIXELS = 100_000_000


def encode(mask: np.ndarray) -> RLE:
    """Encode a mask.

    Args:
        mask: boolean (H, W).

    Returns:
        Its run-length encoding, ready for JSON.

    Raises:
        ValueError: if the array is not boolean and two-dimensional.
    """
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise ValueError(f"a mask is boolean (H, W), not {mask.dtype} {mask.shape}")
    rle = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def decode(rle: RLE) -> np.ndarray:
    """Decode a mask.

    Args:
        rle: as `encode` returns it.

    Returns:
        Boolean (H, W).

    Raises:
        InputError: if the encoding is broken, too large or does not fill its size.
    """
    size, counts = rle["size"], rle["counts"].encode("utf-8", "replace")
    _check_pixels(size)
    runs = _runs(counts)
    # pycocotools leaves what the runs do not cover uninitialised, so this is checked before.
    if runs.size == 0 or runs.min() < 0 or runs.sum() != size[0] * size[1]:
        raise InputError(f"a run-length encoding does not fill its size {size[0]} x {size[1]}")
    return coco.decode({"size": size, "counts": counts}).astype(bool, order="C")


def is_filled(rle: RLE) -> bool:
    """Say whether a mask has any foreground, without decoding it; a broken one counts as filled."""
    runs = _runs(rle["counts"].encode("utf-8", "replace"))
    return bool(runs.min() < 0 or runs[1::2].any())


def _check_pixels(size: list[int], **where: Any) -> None:
    if max(size) > MAX_PIXELS or size[0] * size[1] > MAX_PIXELS:
        shown = f"{min(size[0], 10**12)} x {min(size[1], 10**12)}"
        raise InputError(
            f"a mask claims {shown} pixels; at most {MAX_PIXELS // 10**6} million are read", **where
        )


def _runs(counts: bytes) -> np.ndarray:
    """Unpack compressed counts to run lengths; malformed text gives lengths that do not fit.

    Each number is written in groups of 5 bits, lowest first, bit 5 set where another follows, bit 4
    of the last one being the sign; from the fourth on it is the difference to the last but one.
    See `rleToString` in cocoapi's maskApi.c.
    """
    groups = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    if groups.size == 0 or groups.min() < 0 or groups.max() > 63 or groups[-1] & 32:
        return np.array([-1])
    last = (groups & 32) == 0
    first = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    place = np.arange(groups.size) - np.repeat(first, np.diff(np.append(first, groups.size)))
    if place.max() > 6:
        return np.array([-1])
    values = np.add.reduceat((groups & 31) << (5 * place), first)
    negative = (groups[last] & 16) != 0
    values -= negative.astype(np.int64) << (5 * (place[last] + 1))
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def at_size(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a boolean mask to a size (height, width) by nearest neighbour, half-pixel centres."""
    if mask.shape == tuple(size):
        return mask
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    resized = cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return resized.view(bool)


def write_masks(path: str | Path, masks: Masks) -> None:
    """Write masks as JSON, cases and classes sorted, so that equal masks give equal bytes.

    Args:
        path: the JSON file, written atomically.
        masks: {case: {class: encoding}}.
    """
    write_text(path, json.dumps(masks, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_masks(path: str | Path) -> Masks:
    """Read masks written by `write_masks` or by CheXlocalize's tools.

    Args:
        path: the JSON file.

    Returns:
        {case: {class: encoding}}, not yet decoded.

    Raises:
        InputError: if the file is missing, is not JSON or an entry is not an encoding.
    """
    try:
        masks = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("the mask file does not exist", file=path) from error
    except OSError as error:
        raise InputError(f"the mask file cannot be read ({error.strerror})", file=path) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"the mask file is not JSON: {error}", file=path) from error
    if not isinstance(masks, dict) or not all(isinstance(part, dict) for part in masks.values()):
        raise InputError("masks are not {case: {class: encoding}}", file=path)
    for case, by_class in masks.items():
        for name, rle in by_class.items():
            check_encoding(rle, path, f"{case}/{name}")
    return masks


def check_encoding(rle: object, path: str | Path, field: str) -> None:
    """Raise InputError unless `rle` has a size (two positive integers, no bomb) and counts."""
    size = rle.get("size") if isinstance(rle, dict) else None
    sides_fit = (
        isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int and side > 0 for side in size)
    )
    if not sides_fit or not isinstance(rle.get("counts"), str):
        raise InputError(
            "a mask is not a COCO run-length encoding",
            file=path,
            field=field,
            remedy='Expected {"size": [height, width], "counts": "..."}',
        )
    _check_pixels(size, file=path, field=field)
