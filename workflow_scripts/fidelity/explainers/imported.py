"""Imported maps and masks: read from files, in the frame of the original image."""

import os

import numpy as np

from fidelity.base.errors import InputError
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.maps.imported_files import has_mask, read
from fidelity.maps.imported_paths import format_of, location
from fidelity.maps.saliency_map import SaliencyMap, raw_map
from fidelity.masks.boxes import Box
from fidelity.masks.run_lengths import at_size
from fidelity.settings.explainers import Imported


def has_answer(task: Task, settings: Imported) -> bool:
    """Check whether there is a map; with `missing: error`, always True, so that reading fails."""
    return settings.missing == "error" or is_there(task.case.case, task.cls, settings)


def is_there(case: str, cls: str, settings: Imported) -> bool:
    """Check whether the map of a case and class exists."""
    path = location(settings, case, cls)
    if format_of(settings) == "masks_json":
        name, named = str(settings.classes.get(cls, cls)), cls in settings.classes
        return has_mask(path, case, name, named, settings.min_score)
    return os.path.isfile(path)  # False also if the name is too long


def make(context: Context, settings: Imported) -> Explain:
    """Read the maps.

    Returns:
        A function from tasks to maps. Their kind is `binary` for masks, `grid` (exact) for maps
        smaller than the image, else `dense`.
    """
    del context

    @one_by_one
    def explain(task: Task) -> Explanation:
        case = task.case
        found = read_saliency(case.case, task.cls, case.native_size, case.box, settings)
        return Explanation(found)

    return explain


def read_saliency(
    case: str, cls: str, size: tuple[int, int], box: Box, settings: Imported
) -> SaliencyMap:
    """Read one map and bring it to what the working image shows.

    A file covers the whole original image, whatever its resolution. If the data set's `input` is a
    crop, the map is rendered at the original size and cropped. Every explainer is scored only
    inside the crop.

    Args:
        box: (y0, x0, y1, x1) of the working image in the original image.

    Raises:
        InputError: the map is missing, cannot be read, or has another shape than the image.
    """
    path = location(settings, case, cls)
    if not is_there(case, cls, settings):
        raise InputError(
            f"there is no map of the case {case!r}, class {cls!r}",
            file=path,
            field=case,
            remedy="Add it, correct 'pattern' or 'classes', or set missing: skip",
        )
    name, kind = str(settings.classes.get(cls, cls)), settings.kind
    values, is_mask = read(path, format_of(settings), name, case, kind, settings.min_score)
    if not fits(values.shape, size):
        turned = "; it seems to be transposed" if fits(values.shape[::-1], size) else ""
        raise InputError(
            f"the map has {values.shape[0]} x {values.shape[1]} pixels (height x width), but the "
            f"image has {size[0]} x {size[1]}{turned}",
            file=path,
            field=case,
            remedy="Write maps of the whole original image, or of the image squeezed to a square",
        )
    y0, x0, y1, x1 = box
    whole = box == (0, 0, *size)
    if is_mask:
        mask = values if whole else at_size(values, size)[y0:y1, x0:x1]
        return SaliencyMap("binary", mask.astype(np.uint8))
    values = signed(values, settings.sign)
    if whole:
        smaller = values.shape[0] < size[0] or values.shape[1] < size[1]
        return SaliencyMap("grid" if smaller else "dense", values)
    return SaliencyMap("dense", raw_map(SaliencyMap("grid", values), size)[y0:y1, x0:x1])


def fits(shape: tuple[int, int], size: tuple[int, int]) -> bool:
    """Check whether a map may be a whole image at another resolution.

    It must have the image's aspect ratio, up to one pixel of rounding, or be a square. Most
    networks see images squeezed to a square.
    """
    return shape[0] == shape[1] or _has_ratio(shape, size)


def is_squeezed(shape: tuple[int, int], size: tuple[int, int]) -> bool:
    """Check whether a map can only be an image that was squeezed to a square."""
    return shape[0] == shape[1] and not _has_ratio(shape, size)


def _has_ratio(shape: tuple[int, int], size: tuple[int, int]) -> bool:
    (height, width), (full_height, full_width) = shape, size
    return (
        abs(height - width * full_height / full_width) <= 1
        or abs(width - height * full_width / full_height) <= 1
    )


def signed(values: np.ndarray, sign: str) -> np.ndarray:
    """Prepare the sign of a map: float32 (h, w).

    Args:
        values: float32 (h, w).
        sign: `study` leaves it to the study's post-processing; `absolute` counts both signs;
            `signed` shifts the minimum to 0, so that the whole range counts. Min-max scaling
            undoes the shift.
    """
    if sign == "absolute":
        return np.abs(values)
    return values - values.min() if sign == "signed" else values
