"""Prepare the files of a case for the classifier and the scores."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fidelity.base.errors import InputError, at_case
from fidelity.datasets.cases import Case
from fidelity.datasets.images.images import intensity_of, read_image
from fidelity.datasets.images.squares import resize_image
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.mask_files.mask_values import LUNG, mask_values_of
from fidelity.datasets.prepared import PreparedCase
from fidelity.datasets.readers.consensus import agreed_mask
from fidelity.datasets.readers.names import SECOND
from fidelity.masks.boxes import Box, box_of, fill_boxes
from fidelity.masks.run_lengths import RLE, at_size, decode, encode
from fidelity.settings.datasets import Dataset

# Margin of the lung crop on each side, as a share of the lung's height and width.
CROP_MARGIN = 0.05
READERS = 4
BLOCK = 64

Found = TypeVar("Found")

# From grey values 0 … 255 (H, W) to a lung mask of that size.
LungPredictor = Callable[[np.ndarray], np.ndarray]


def prepare_cases(
    cases: Iterable[Case],
    root: str | Path,
    settings: Dataset,
    predict_lung: LungPredictor | None = None,
) -> Iterator[PreparedCase]:
    """Prepare indexed cases with several threads, in their order, with little memory.

    Args:
        settings: settings of the data set: `input`, `image_size`, `annotated_classes`,
            `lung_masks`, `mask_values` and the keys that begin with `intensity`.
        predict_lung: predicts the lung masks if `lung_masks` is `predicted`.

    Raises:
        InputError: a file has become unreadable since it was indexed.
    """

    def named(case: Case) -> PreparedCase:
        with at_case(case.case):
            return prepare_case(case, Path(root), settings, predict_lung)

    stream = iter(cases)
    with ThreadPoolExecutor(READERS) as pool:
        while block := list(islice(stream, BLOCK)):
            yield from pool.map(named, block)


def prepare_case(
    case: Case,
    root: Path,
    settings: Dataset,
    predict_lung: LungPredictor | None = None,
) -> PreparedCase:
    """Read one case, apply the input setting and resize; for the arguments, see `prepare_cases`.

    `full` shows the image, `lung_masked` the image times its lung mask, `lung_crop` the bounding
    box of the lung with a margin. The shown region is stretched to a square, as classifiers expect.

    Returns:
        The prepared case. Reference and lung masks are at the case's native size. That is the
        image's size, unless the index states that its masks were drawn on a larger original. A mask
        of another resolution is resized by nearest neighbour. If a class has boxes and no mask, the
        boxes are filled. If only readers with names drew it, their majority is the reference. The
        case's own pixel spacing has priority over that of the data set.

    Raises:
        InputError: a file is unreadable, or the input setting needs a lung mask that is missing.
    """
    shown = read_image(root / case.image, intensity_of(settings))
    seen = shown.shape
    size = seen if case.height is None or case.width is None else (case.height, case.width)
    lung = _lung(case, root, settings, shown, predict_lung)
    lung = None if lung is None else at_size(lung, size)
    box: Box = (0, 0, *size)
    if settings.input != "full":
        if lung is None or not lung.any():
            which = "predicted lung" if case.lung_from else "lung mask"
            raise InputError(
                f"the case {case.case!r} has no {which}, and input is {settings.input!r}",
                file=root / (case.lung_mask or case.image),
                field="input",
                remedy="Set input: full, or index the cases again",
            )
        if settings.input == "lung_masked":
            shown = np.where(at_size(lung, seen), shown, 0).astype(shown.dtype)
        else:
            box = lung_box(lung)
    y0, x0, y1, x1 = box
    top, left, bottom, right = _scaled(box, size, seen)
    side = settings.image_size
    drawn = _drawn(case, root, settings, size)
    return PreparedCase(
        case=case.case,
        patient=case.patient,
        split=case.split,
        labels=case.labels,
        image=resize_image(shown[top:bottom, left:right], side),
        lung=None if lung is None else at_size(lung[y0:y1, x0:x1], (side, side)),
        native_size=size,
        box=box,
        lung_native=None if lung is None else encode(lung),
        digest=case.digest,
        spacing=case.spacing,
        uncertain=case.uncertain,
        organs={
            name: encode(at_size(read_mask_at(root, mask), size))
            for name, mask in sorted(case.organs.items())
        },
        **drawn,
    )


def _drawn(case: Case, root: Path, settings: Dataset, size: tuple[int, int]) -> dict[str, Any]:
    """Read masks and boxes of the annotated classes, as the fields of a prepared case."""
    values = mask_values_of(settings)

    def annotated(found: Mapping[str, Found]) -> dict[str, Found]:
        return {c: found[c] for c in settings.annotated_classes if c in found}

    def read(masks: Mapping[str, str]) -> dict[str, RLE]:
        return {
            c: encode(at_size(read_mask_at(root, mask, c, values, size), size))
            for c, mask in annotated(masks).items()
        }

    boxes = annotated(case.boxes)
    filled = {c: encode(fill_boxes(found, size)) for c, found in boxes.items()}
    given = read(case.masks)
    readers = {r: masks for r, of in case.readers.items() if (masks := read(of))}
    reader_boxes = {reader: annotated(drawn) for reader, drawn in case.reader_boxes.items()}
    by_name = {c for r, masks in readers.items() if r != SECOND for c in masks}
    by_name = by_name.union(*reader_boxes.values())
    agreed = tuple(c for c in settings.annotated_classes if c in by_name and c not in given)
    joined = {c: _majority(readers, c) for c in agreed if c not in filled}
    return {
        # A drawn mask has priority over the class's boxes.
        "references": annotated(joined | filled | given),
        "readers": readers,
        "reference_boxes": boxes,
        "filled": tuple(c for c in boxes if c not in case.masks),
        "reader_boxes": reader_boxes,
        "agreed": agreed,
    }


def _majority(readers: Mapping[str, Mapping[str, RLE]], cls: str) -> RLE:
    """Merge the readers' masks of a class by majority.

    This is the reference if only readers with names drew it, until a rule is chosen.
    """
    drawn = {reader: decode(masks[cls]) for reader, masks in readers.items() if cls in masks}
    return encode(agreed_mask(drawn, "majority"))


def _lung(
    case: Case,
    root: Path,
    settings: Dataset,
    image: np.ndarray,
    predict: LungPredictor | None,
) -> np.ndarray | None:
    """Read or predict the lung mask, at its own size; None if none is used."""
    kind = settings.lung_masks
    if kind == "predicted":
        if predict is None:
            raise ValueError("lung_masks is 'predicted', and no model was given")
        return predict(image)
    if case.lung_mask is None or kind == "none":
        return None
    return read_mask_at(root, case.lung_mask, LUNG, mask_values_of(settings))


def _scaled(box: Box, size: tuple[int, int], seen: tuple[int, int]) -> Box:
    """Convert a box of the native image to the image file, which may be a smaller copy."""
    if seen == size:
        return box
    rows, columns = seen[0] / size[0], seen[1] / size[1]
    y0, x0 = int(box[0] * rows), int(box[1] * columns)
    return y0, x0, max(y0 + 1, round(box[2] * rows)), max(x0 + 1, round(box[3] * columns))


def lung_box(lung: np.ndarray) -> Box:
    """Return the bounding box of the lung, (H, W) bool and not empty, with a margin.

    Returns:
        (y0, x0, y1, x1), half-open, with 5 % of the lung's height and width added on each side, cut
        at the border of the image.
    """
    y0, x0, y1, x1 = box_of(lung)
    height, width = lung.shape
    rows, columns = round((y1 - y0) * CROP_MARGIN), round((x1 - x0) * CROP_MARGIN)
    return max(0, y0 - rows), max(0, x0 - columns), min(height, y1 + rows), min(width, x1 + columns)
