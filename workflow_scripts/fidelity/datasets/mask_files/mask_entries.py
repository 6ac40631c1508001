"""Read a mask by its reference, from an image file or from a file of many masks.

`mask_places` explains the references. Files of many masks are recognised by their content:

- CheXlocalize's JSON: {image id: {class: COCO run lengths}}, which is also the masks.json that this
  project writes, or {image id: {"img_size": [h, w], class: [polygon, …]}};
- COCO's JSON with polygons or run lengths, and ChestX-Det's JSON with polygons;
- SIIM-ACR's CSV with the column EncodedPixels, and CheXmask's CSV;
- CVAT's XML with polygons and ellipses, and JSRT's CLNDAT_EN.txt (discs).
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from pycocotools import mask as coco

from fidelity.base.errors import InputError
from fidelity.datasets.annotations import chexmask
from fidelity.datasets.cases import NONE
from fidelity.datasets.images.images import decode_mask, read_bytes
from fidelity.datasets.mask_files.mask_places import parts_of
from fidelity.datasets.mask_files.mask_values import MaskValues
from fidelity.datasets.sources.chestx_det import chestx_det
from fidelity.datasets.sources.containers import coco as coco_files
from fidelity.datasets.sources.containers import voc
from fidelity.datasets.sources.jsrt import jsrt
from fidelity.datasets.sources.siim import siim
from fidelity.masks.boxes import fill_boxes
from fidelity.masks.ellipses import fill_ellipses
from fidelity.masks.plain_runs import decode_absolute, decode_relative
from fidelity.masks.polygons import raise_unless_polygons, rasterise
from fidelity.masks.run_lengths import MAX_PIXELS, check_encoding, decode, is_filled

SIZE_KEY = "img_size"
REMEDY = "Restore the file that the data set's publisher gives"

_reading = Lock()


def read_reference(root: Path, reference: str) -> bytes:
    """Read the bytes of a mask: the whole file, or the entry as JSON.

    They change if and only if the mask's own content changes.

    Raises:
        InputError: the file cannot be read or lacks the entry.
    """
    if reference == NONE:
        return NONE.encode()
    name, rest = parts_of(reference)
    file = root / name
    if rest is None:
        return read_bytes(file)
    entries = read_entries(file)
    # Names of images and classes may contain "/" ("Nodule/Mass").
    cuts = [place for place, sign in enumerate(rest) if sign == "/"]
    named = [(rest[:cut], rest[cut + 1 :]) for cut in reversed(cuts) if rest[:cut] in entries]
    image, _, cls = rest.rpartition("/") if not named else (named[0][0], "", named[0][1])
    by_class = entries.get(image)
    if by_class is None:
        raise InputError(
            "the file has no entry for this image", file=file, field=image, remedy=REMEDY
        )
    if SIZE_KEY in by_class:
        entry: Any = {"size": by_class[SIZE_KEY], "polygons": by_class.get(cls, [])}
    elif cls in by_class:
        entry = by_class[cls]
    else:
        raise InputError(
            "the entry of this image has no such class",
            file=file,
            field=f"{image}/{cls}",
            remedy=REMEDY,
        )
    return json.dumps(entry, sort_keys=True).encode()


def decode_reference(
    data: bytes,
    root: Path,
    reference: str,
    name: str | None = None,
    values: MaskValues | None = None,
    notes: list[str] | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Decode the result of `read_reference`; run lengths and shapes are not corrected.

    Args:
        reference: see `mask_places`.
        name: for image files, as `values` and `notes`: see `mask_foreground.foreground`.
        notes: facts that are reported once per data set are appended here.
        size: (height, width) of the image, which is the size of an empty reference (NONE).

    Returns:
        Boolean (H, W), at the size at which the mask was drawn.

    Raises:
        InputError: the mask is damaged or not binary.
    """
    if reference == NONE:
        return np.zeros(size, bool)
    file, field = parts_of(reference)
    file = root / file
    if field is None:
        return decode_mask(data, file, name, values, notes)
    entry = json.loads(data)
    try:
        kinds = [kind for kind in DECODERS if isinstance(entry, dict) and kind in entry]
        if not kinds:
            return decode(check_encoding(entry, file, field))
        own = _checked_size(entry["size"], file, field)
        return np.logical_or.reduce([DECODERS[kind](entry[kind], own) for kind in kinds])
    except InputError as error:
        raise (
            error
            if error.file
            else InputError(error.problem, file=file, field=field, remedy=error.remedy or REMEDY)
        ) from error


def read_mask_at(
    root: Path,
    reference: str,
    name: str | None = None,
    values: MaskValues | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Read a mask by its reference; see `decode_reference`."""
    data = read_reference(root, reference)
    return decode_reference(data, root, reference, name, values, size=size)


def is_drawn(by_class: dict[str, Any], cls: str) -> bool:
    """Check whether an image's entry has any pixel or polygon of a class, without decoding it."""
    entry = by_class.get(cls)
    if isinstance(entry, dict) and isinstance(entry.get("counts"), str | list):
        return is_filled(entry)
    return bool(entry)


def read_entries(path: Path) -> Mapping[str, dict[str, Any]]:
    """Read a file of many masks; it is read again only after it has changed.

    Returns:
        {image id: {class: entry}}; the entries are not checked yet.

    Raises:
        InputError: the file cannot be read or has another layout.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(
            f"the mask file cannot be read ({error.strerror})", file=path, remedy=REMEDY
        ) from error
    # Several threads may ask at once, but the file must be in memory only once.
    with _reading:
        return _entries(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _entries(path: Path, changed: int, size: int) -> Mapping[str, dict[str, Any]]:
    del changed, size  # they are only part of the cache's key
    suffix = path.suffix.lower()
    if suffix == ".xml":
        return {name: image.shapes for name, image in voc.read_images(path).items()}
    if suffix == ".txt":
        return jsrt.read_entries(path)
    if suffix == ".csv":
        # The first line shows which of the two it is; the rest may have gigabytes.
        with open(path, "rb") as file:
            first = file.readline()
        return siim.read_entries(path) if b"EncodedPixels" in first else chexmask.Entries(path)
    try:
        content = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"the file is not JSON ({error})", file=path, remedy=REMEDY) from error
    if isinstance(content, list):
        return chestx_det.entries_of(content, path)
    if coco_files.is_coco(content):
        return coco_files.entries_of(content, path)
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise InputError("the content is not {image: {class: mask}}", file=path, remedy=REMEDY)
    return content


def _decode_coco(segmentations: Sequence[Any], size: tuple[int, int]) -> np.ndarray:
    """Merge COCO's segmentations (polygons or run lengths) as pycocotools does."""
    mask = np.zeros(size, bool)
    for shape in segmentations:
        if isinstance(shape, dict):
            drawn = decode(check_encoding(shape, None, ""))
            if drawn.shape != mask.shape:
                turned = "; they seem to be swapped" * (drawn.shape == size[::-1])
                raise InputError(
                    f"the run lengths have the height {drawn.shape[0]} and width {drawn.shape[1]},"
                    f" and the image {size[0]} and {size[1]}{turned}",
                    remedy="Write run lengths of the image's size, down the columns",
                )
            mask |= drawn
            continue
        raise_unless_polygons(shape)
        try:
            packed = coco.merge(coco.frPyObjects(shape, *size))
        except Exception as error:
            raise InputError("the polygons are not valid") from error
        mask |= coco.decode(packed).astype(bool)
    return mask


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
            f"{SIZE_KEY} states more than {MAX_PIXELS // 10**6} million pixels",
            file=file,
            field=field,
            remedy=REMEDY,
        )
    return size[0], size[1]


DECODERS = {
    "polygons": rasterise,
    "coco": _decode_coco,
    "boxes": fill_boxes,
    "ellipses": fill_ellipses,
    "relative_runs": decode_relative,
    "absolute_runs": decode_absolute,
}
