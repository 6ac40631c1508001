"""Masks are boolean arrays in memory and COCO run-length encodings on disk.

The JSON layout {case: {class: {"size": [h, w], "counts": str}}} is that of CheXlocalize. The
encoding itself is that of pycocotools.
"""

import json
from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np
from pycocotools import mask as coco

from fidelity.base.errors import InputError
from fidelity.base.files import write_text


class RLE(TypedDict):
    """A run-length encoded mask: size (height, width) and compressed column-major counts."""

    size: list[int]
    counts: str


Masks = dict[str, dict[str, RLE]]

# A few characters can encode any number of pixels; the largest radiographs have about 30 million.
MAX_PIXELS = 100_000_000


def encode(mask: np.ndarray) -> RLE:
    """Encode a boolean mask (H, W).

    Raises:
        ValueError: if the array is not boolean and two-dimensional.
    """
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise ValueError(f"a mask is boolean (H, W), not {mask.dtype} {mask.shape}")
    rle = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def decode(rle: RLE) -> np.ndarray:
    """Decode a mask to boolean (H, W).

    Raises:
        InputError: if the encoding is broken, too large or does not fill its size.
    """
    size, counts = rle["size"], rle["counts"].encode("utf-8", "replace")
    _check_pixels(size)
    runs = _runs(counts)
    # pycocotools does not initialise pixels that no run covers, so the runs are checked first.
    if runs.size == 0 or runs.min() < 0 or runs.sum() != size[0] * size[1]:
        raise InputError(
            f"the run lengths do not add up to the size {size[0]} x {size[1]}",
            remedy="Write the mask again; run lengths go down the columns",
        )
    return coco.decode({"size": size, "counts": counts}).astype(bool, order="C")


def is_filled(rle: RLE) -> bool:
    """Check whether a mask has foreground, without decoding it; a broken one counts as filled."""
    if isinstance(rle["counts"], list):
        return any(rle["counts"][1::2])
    runs = _runs(rle["counts"].encode("utf-8", "replace"))
    return bool(runs.min() < 0 or runs[1::2].any())


def _check_pixels(size: list[int], **where: Any) -> None:
    if max(size) > MAX_PIXELS or size[0] * size[1] > MAX_PIXELS:
        shown = f"{min(size[0], 10**12)} x {min(size[1], 10**12)}"
        raise InputError(
            f"a mask claims {shown} pixels; at most {MAX_PIXELS // 10**6} million are read", **where
        )


def _runs(counts: bytes) -> np.ndarray:
    """Decompress counts to run lengths; malformed text gives run lengths that do not fit the size.

    Each number is written in groups of 5 bits, the lowest bits first. Bit 5 is set if another group
    follows, and bit 4 of the last group is the sign. From the fourth number on, the difference to
    the number two places before is stored. See `rleToString` in cocoapi's maskApi.c.
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
    """Resize a boolean mask to (height, width) by nearest neighbour with half-pixel centres."""
    if mask.shape == tuple(size):
        return mask
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    resized = cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return resized.view(bool)


def write_masks(path: str | Path, masks: Masks) -> None:
    """Write masks as JSON. Cases and classes are sorted, so that equal masks give equal bytes."""
    write_text(path, json.dumps(masks, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_masks(path: str | Path) -> Masks:
    """Read masks of `write_masks` or CheXlocalize's tools: {case: {class: encoding}}, not decoded.

    Raises:
        InputError: if the file is missing, is not JSON or an entry is not an encoding.
    """
    return checked_masks(read_json_masks(path), path)


def read_json_masks(path: str | Path) -> Any:
    """Read a JSON file of masks in any layout; see `read_masks` for errors."""
    try:
        masks = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            "the mask file does not exist", file=path, remedy="Correct the path"
        ) from error
    except OSError as error:
        raise InputError(
            f"the mask file cannot be read ({error.strerror})",
            file=path,
            remedy="Check the path and the permissions",
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"the mask file is not JSON: {error}", file=path, remedy="Write the file again"
        ) from error
    return masks


def checked_masks(masks: Any, path: str | Path) -> Masks:
    """Check the content of a JSON file of masks.

    Raises:
        InputError: the layout is another one, or an entry is not an encoding.
    """
    if not isinstance(masks, dict) or not all(isinstance(part, dict) for part in masks.values()):
        raise InputError(
            "the content is not {case: {class: encoding}}",
            file=path,
            remedy="docs/importing.md shows the layout",
        )
    return {
        case: {name: check_encoding(rle, path, f"{case}/{name}") for name, rle in by_class.items()}
        for case, by_class in masks.items()
    }


def check_encoding(rle: Any, path: object, field: str) -> RLE:
    """Check an encoding from a file.

    Args:
        rle: size and counts; counts may be a list of run lengths (uncompressed).

    Returns:
        The encoding with compressed counts; the counts may still be damaged, see `decode`.

    Raises:
        InputError: size or counts are malformed, or uncompressed run lengths do not fill the size.
    """
    size = rle.get("size") if isinstance(rle, dict) else None
    check_size(size, path, field)
    counts = rle.get("counts")
    if isinstance(counts, str):
        return rle
    if not isinstance(counts, list) or not all(type(n) is int and n >= 0 for n in counts):
        raise _no_encoding(path, field)
    if sum(counts) != size[0] * size[1]:
        raise InputError(
            f"the run lengths add up to {sum(counts)}, not to the size {size[0]} x {size[1]}",
            file=path,
            field=field,
            remedy="Write the mask again; run lengths go down the columns",
        )
    packed = coco.frPyObjects({"size": size, "counts": counts}, *size)["counts"]
    return {"size": size, "counts": packed.decode("ascii")}


def check_size(size: object, path: object, field: str) -> None:
    """Raise InputError unless a size is [height, width], positive and not too large."""
    if not (
        isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int and side > 0 for side in size)
    ):
        raise _no_encoding(path, field)
    _check_pixels(size, file=path, field=field)


def _no_encoding(path: object, field: str) -> InputError:
    return InputError(
        "a mask is not a COCO run-length encoding",
        file=path,
        field=field,
        remedy='Expected {"size": [height, width], "counts": "..."}',
    )
