"""Read maps and masks from files of other programs; the files are not trusted."""

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from fidelity.base.errors import InputError, first_line
from fidelity.datasets.images.images import MAX_PIXELS, decode_mask, decode_values, read_bytes
from fidelity.maps.chexlocalize_pickles import read_map
from fidelity.masks.coco import ONLY, is_coco, masks_of
from fidelity.masks.run_lengths import Masks, checked_masks, decode, read_json_masks

# A published CheXlocalize pickle has about 0.5 MB, including the copy of its image.
MAX_PICKLE_BYTES = 200_000_000
MIN_SCORE = 0.5
NPY_KINDS = "biuf"  # booleans, integers, floats; no complex numbers, no objects


def read(
    path: Path, file_format: str, cls: str, case: str, kind: str, min_score: float = MIN_SCORE
) -> tuple[np.ndarray, bool]:
    """Read a map or mask.

    Args:
        file_format: a key of `imported_paths.SUFFIXES`.
        kind: `map`, `mask` or `auto`; with `auto`, masks.json and boolean arrays are masks.
        min_score: instances with a lower score in a COCO file are left out.

    Returns:
        The values and whether they are a mask: bool (h, w) for a mask, else float32 (h, w), finite.

    Raises:
        InputError: the file is missing, damaged, too large, would run code, or is of another kind.
    """
    if file_format == "masks_json":
        return _read_rle(path, case, cls, min_score), True
    if file_format == "png":
        data = read_bytes(path)
        if kind == "mask":
            return decode_mask(data, path), True
        return _finite(decode_values(data, path), path), False
    if file_format == "chexlocalize":
        values = _read_pickle(path, cls)
    elif file_format == "npy":
        values = _read_npy(path)
    else:
        values = _read_npz(path, cls)
    if kind == "mask" or (kind == "auto" and values.dtype == np.bool_):
        return _as_mask(values, path), True
    return _finite(values, path), False


def _read_pickle(path: Path, cls: str) -> np.ndarray:
    _check_there(path)
    if path.stat().st_size > MAX_PICKLE_BYTES:
        raise InputError(
            f"the pickle has over {MAX_PICKLE_BYTES // 10**6} MB",
            file=path,
            remedy="A CheXlocalize map has less than one; save other maps as .npy",
        )
    found = read_map(path)
    if found.task != cls:
        raise InputError(
            f"the map in the file is of the class {found.task!r}",
            file=path,
            field=cls,
            remedy="Rename the file, or map the names by 'classes'",
        )
    return found.values


def _read_npy(path: Path) -> np.ndarray:
    _check_there(path)
    with open(path, "rb") as file:
        return _read_array(file, path)


def _read_npz(path: Path, cls: str) -> np.ndarray:
    """Read the array that has the name of the class, or the only array; unpack no other."""
    _check_there(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            if cls not in names and len(names) != 1:
                raise InputError(
                    f"has no array {cls!r} (found: {', '.join(names[:12]) or 'none'})",
                    file=path,
                    field=cls,
                    remedy="Name the arrays as the classes, or map the names by 'classes'",
                )
            name = archive.namelist()[names.index(cls) if cls in names else 0]
            with archive.open(name) as file:
                return _read_array(file, path)
    except InputError:
        raise
    except Exception as error:  # zipfile does not catch errors of decompression and of seeking
        raise _unsound("npz archive", path, error) from error


def arrays_in(path: Path) -> list[str]:
    """List the names of the arrays in an npz file that can be read."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def _read_array(file: IO[bytes], path: Path) -> np.ndarray:
    """Read one array, after checking its header: numpy then reads no more than it declares.

    A compressed array is unpacked while it is read, so a small file cannot fill the memory either.
    """
    try:
        version = np.lib.format.read_magic(file)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise InputError(f"has npy version {version}", file=path, remedy="Save it again")
        shape, by_columns, dtype = readers[version](file)
        if dtype.hasobject or dtype.kind not in NPY_KINDS:
            raise InputError(
                f"holds {dtype} instead of numbers. Objects are pickles, which are not read",
                file=path,
                remedy="Save an array of floats, integers or booleans",
            )
        sides = [side for side in shape if side != 1]
        if len(shape) < 2 or len(sides) > 2 or any(side < 1 for side in shape):
            raise InputError(
                f"has shape {shape}, not (h, w)",
                file=path,
                remedy="Save each map as an array of height and width",
            )
        count = int(np.prod(shape, dtype=object))
        if count > MAX_PIXELS:
            raise InputError(
                f"has {count} values; at most {MAX_PIXELS // 10**6} million are read",
                file=path,
                remedy="Save one map of the image's size per file",
            )
        data = file.read(count * dtype.itemsize)
        flat = np.frombuffer(data, dtype)
        if flat.size != count:
            raise InputError("the file is incomplete", file=path, remedy="Copy it again")
        # Remove axes of length one at the start (PyTorch: batch, channel) and end (Keras: channel).
        values = flat.reshape(shape, order="F" if by_columns else "C")
        while values.ndim > 2 and values.shape[0] == 1:
            values = values[0]
        while values.ndim > 2 and values.shape[-1] == 1:
            values = values[..., 0]
    except InputError:
        raise
    except Exception as error:  # the header is Python source, so its tokenizer can fail too
        raise _unsound("npy array", path, error) from error
    if values.ndim != 2:
        raise InputError(
            f"has shape {shape}, not (h, w)",
            file=path,
            remedy="Save each map as an array of height and width",
        )
    return values


def _unsound(what: str, path: Path, error: Exception) -> InputError:
    remedy = "Copy or save it again"
    if isinstance(error, MemoryError):
        remedy += ", or give the job more memory"
    return InputError(f"is not a valid {what} ({first_line(error)})", file=path, remedy=remedy)


def _read_rle(path: Path, case: str, cls: str, min_score: float) -> np.ndarray:
    by_class = masks_in(path, min_score)[case]
    rle: Any = by_class[cls] if cls in by_class else by_class[ONLY]
    height, width = rle["size"]
    if height * width > MAX_PIXELS:
        raise InputError(
            f"the mask has {height} x {width} pixels; at most {MAX_PIXELS // 10**6} million are"
            " read",
            file=path,
            field=f"{case}/{cls}",
            remedy="Write the mask at the size of the image",
        )
    try:
        return decode(rle)
    except InputError as error:
        raise InputError(
            error.problem, file=path, field=f"{case}/{cls}", remedy=error.remedy
        ) from error


def has_mask(path: Path, case: str, cls: str, named: bool, min_score: float = MIN_SCORE) -> bool:
    """Check whether a masks.json has a mask of the case and class.

    Args:
        named: whether the config states the category's name. If so, the only category of a COCO
            file must have that name.
    """
    by_class = masks_in(path, min_score).get(case, {})
    return cls in by_class or (ONLY in by_class and not named)


def masks_in(path: Path, min_score: float = MIN_SCORE) -> Masks:
    """Read a masks.json or COCO file, once per job and again if the file was changed."""
    return _masks(path, path.stat().st_mtime_ns if path.is_file() else 0, min_score)


@lru_cache(maxsize=2)
def _masks(path: Path, _changed: int, min_score: float) -> Masks:
    content = read_json_masks(path)
    return masks_of(content, path, min_score) if is_coco(content) else checked_masks(content, path)


def _as_mask(values: np.ndarray, path: Path) -> np.ndarray:
    mask = values != 0
    if mask.any() and not (values[mask] == values[mask].flat[0]).all():
        raise InputError(
            "the mask has several values other than 0",
            file=path,
            remedy="Threshold it, or set kind: map",
        )
    return mask


def _finite(values: np.ndarray, path: Path) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise InputError(
            "the map has values that are not finite", file=path, remedy="Write numbers only"
        )
    return values


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise InputError("the file does not exist", file=path, remedy="Add it, or correct its path")
