"""Where a mask lies: in an image file of its own, or as one entry of a JSON file of many masks.

A reference is a path relative to the data root, with "#<image id>/<class>" behind a JSON file:

    masks/patient1.png
    gt_segmentations_val.json#patient64541_study1_view1_frontal/Edema

JSON files are CheXlocalize's: {image id: {class: COCO run lengths}}, which is also the masks.json
that this project writes, or {image id: {"img_size": [h, w], class: [polygon, …]}}.
"""

import json
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.images.images import decode_mask, read_bytes
from fidelity.datasets.mask_files.mask_values import MaskValues
from fidelity.masks.polygons import rasterise
from fidelity.masks.run_lengths import MAX_PIXELS, check_encoding, decode, is_filled

MARK = ".json#"
SIZE_KEY = "img_size"
REMEDY = "Restore the file that the data set's publisher gives"

_reading = Lock()


def reference_to(file: str, image: str, cls: str) -> str:
    """Write the reference to an entry of a JSON file."""
    return f"{file}#{image}/{cls}"


def file_of(reference: str) -> str:
    """Give the file of a reference, without the entry."""
    head, mark, _ = reference.partition(MARK)
    return head + mark.removesuffix("#")


def read_reference(root: Path, reference: str) -> bytes:
    """Read the bytes that a mask is made of: the whole file, or the entry as JSON.

    Args:
        root: the data root.
        reference: see the module.

    Returns:
        Bytes that change if and only if the mask's own content does.

    Raises:
        InputError: the file cannot be read or lacks the entry.
    """
    file = root / file_of(reference)
    if MARK not in reference:
        return read_bytes(file)
    image, _, cls = reference.partition(MARK)[2].rpartition("/")
    by_class = read_entries(file).get(image)
    if by_class is None:
        raise InputError("the image has no entry", file=file, field=image, remedy=REMEDY)
    if SIZE_KEY in by_class:
        entry: Any = {"size": by_class[SIZE_KEY], "polygons": by_class.get(cls, [])}
    elif cls in by_class:
        entry = by_class[cls]
    else:
        raise InputError("the image has no such class", file=file, field=f"{image}/{cls}")
    return json.dumps(entry, sort_keys=True).encode()


def decode_reference(
    data: bytes,
    root: Path,
    reference: str,
    name: str | None = None,
    values: MaskValues | None = None,
    notes: list[str] | None = None,
) -> np.ndarray:
    """Decode what `read_reference` returned; run lengths and polygons are taken as written.

    Args:
        data: the bytes.
        root: the data root; named in errors.
        reference: see the module.
        name: of an image file: see `images.decode_mask`, as the two others.
        values: the data set's `mask_values`.
        notes: what is worth reporting once per data set is appended here.

    Returns:
        Boolean (H, W), at the size the mask was drawn at.

    Raises:
        InputError: the mask is damaged or not binary.
    """
    if MARK not in reference:
        return decode_mask(data, root / reference, name, values, notes)
    file, field = root / file_of(reference), reference.partition(MARK)[2]
    entry = json.loads(data)
    try:
        if "polygons" not in entry:
            return decode(check_encoding(entry, file, field))
        return rasterise(entry["polygons"], _checked_size(entry["size"], file, field))
    except InputError as error:
        raise (
            error
            if error.file
            else InputError(error.problem, file=file, field=field, remedy=error.remedy or REMEDY)
        ) from error


def read_mask_at(
    root: Path, reference: str, name: str | None = None, values: MaskValues | None = None
) -> np.ndarray:
    """Read a mask by its reference; see `decode_reference`."""
    return decode_reference(read_reference(root, reference), root, reference, name, values)


def is_drawn(by_class: dict[str, Any], cls: str) -> bool:
    """Check whether an image's entry has any pixel or polygon of a class, without decoding it."""
    entry = by_class.get(cls)
    if isinstance(entry, dict) and isinstance(entry.get("counts"), str | list):
        return is_filled(entry)
    return bool(entry)


def read_entries(path: Path) -> dict[str, dict[str, Any]]:
    """Read a JSON file of masks, once as long as it does not change.

    Args:
        path: the file.

    Returns:
        {image id: {class: entry}}, the entries not yet checked.

    Raises:
        InputError: the file cannot be read or has another layout.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(
            f"the mask file cannot be read ({error.strerror})", file=path, remedy=REMEDY
        ) from error
    # Several readers ask at once; the file is to be in memory once.
    with _reading:
        return _entries(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _entries(path: Path, changed: int, size: int) -> dict[str, dict[str, Any]]:
    del changed, size  # part of the cache's key alone
    try:
        content = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"the file is not JSON ({error})", file=path, remedy=REMEDY) from error
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise InputError("masks are not {image: {class: mask}}", file=path, remedy=REMEDY)
    return content


def _checked_size(size: object, file: Path, field: str) -> tuple[int, int]:
    fits = isinstance(size, list) and len(size) == 2 and all(type(s) is int and s > 0 for s in size)
    if not fits:
        raise InputError(
            f"{SIZE_KEY} is {size!r} instead of [height, width]",
            file=file,
            field=field,
            remedy=REMEDY,
        )
    if size[0] * size[1] > MAX_PIXELS:
        raise InputError(
            f"{SIZE_KEY} claims over {MAX_PIXELS // 10**6} million pixels", file=file, field=field
        )
    return size[0], size[1]
