"""Null baseline: the average position of a class's lesions in the training split."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.indexing.left_out import FEWEST, MAX_UNUSABLE
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.baselines.fitted import (
    annotated_cases,
    no_training_masks,
    read_fitted,
    write_fitted,
)
from fidelity.explainers.baselines.geometry import bounds, from_grid, native_lung, to_grid
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.masks.boxes import Box
from fidelity.masks.run_lengths import decode
from fidelity.settings.explainers import MeanMask

GRID = 256

log = logging.getLogger(__name__)


def fit(
    train: Sequence[Path],
    val: Sequence[Path],
    settings: MeanMask,
    seed: int,
    compute: dict[str, Any],
    output: Path,
    code: str = "",
) -> None:
    """Average the reference masks of the training split per source class.

    Args:
        train: prepared training shards.
        output: the file to write: float32 (classes, 256, 256), the share of training masks that
            cover a pixel, 0 to 1.
        code: not used; fitting takes seconds, so there is nothing to resume.

    Raises:
        InputError: there is no mask or, under `lung_box`, no mask with a lung. Also if more than
            5 % of the cases, and at least two, have no lung.
    """
    del val, seed, compute, code
    where = REGIONS[settings.align]
    # Sorted by case, so that neither the shards nor their order change the sums by rounding.
    found: list[tuple[str, str, Any, Box]] = []
    passed_over = count = 0
    for case in annotated_cases(train):
        count += 1
        try:
            box = where(case)
        except ValueError:
            passed_over += 1
            continue
        found += [(case.case, cls, reference, box) for cls, reference in case.references.items()]
    if passed_over >= FEWEST and passed_over > MAX_UNUSABLE * count:
        raise InputError(
            f"{passed_over} of {count} training cases have no lung, but align: lung_box needs one",
            field="align",
            remedy="Correct the lung masks, or set align: image for the explainer",
        )
    if passed_over:
        log.warning("%d of %d training cases have no lung and are not used", passed_over, count)
    if not found:
        raise no_training_masks()
    found.sort(key=lambda item: item[:2])
    classes = sorted({cls for _, cls, _, _ in found})
    sums = np.zeros((len(classes), GRID, GRID))
    counts = np.zeros((len(classes), 1, 1))
    for _, cls, reference, (y0, x0, y1, x1) in found:
        index = classes.index(cls)
        sums[index] += to_grid(decode(reference)[y0:y1, x0:x1], GRID)
        counts[index] += 1
    for cls, count in zip(classes, counts.ravel(), strict=True):
        log.info("%s: mean of %d masks", cls, count)
    write_fitted(
        output, {"mean": (sums / counts).astype(np.float32)}, classes, settings.model_dump()
    )


def make(context: Context, settings: MeanMask) -> Explain:
    """Give every case of a class that class's mean training mask.

    Returns:
        A function from tasks to maps of kind `dense` (256×256 over what the working image shows).
        Under `lung_box` it is 0 outside the lung's bounding box.
    """
    tensors, classes = read_fitted(context.fitted, context.method)
    means = dict(zip(classes, tensors["mean"], strict=True))
    where = REGIONS[settings.align]
    border = BORDERS[settings.align]

    @one_by_one
    def explain(task: Task) -> Explanation:
        if task.cls not in means:
            raise ValueError(f"no training case has a reference mask of the class {task.cls!r}")
        grid = from_grid(means[task.cls], where(task.case), task.case.box, border)
        return Explanation(SaliencyMap("dense", grid))

    return explain


def _whole(case: PreparedCase) -> Box:
    return (0, 0, *case.native_size)


def _lung_box(case: PreparedCase) -> Box:
    return bounds(native_lung(case))


# Native region that the grid covers, and the values beyond its outermost pixel centres.
REGIONS: dict[str, Callable[[PreparedCase], Box]] = {"image": _whole, "lung_box": _lung_box}
BORDERS = {"image": cv2.BORDER_REPLICATE, "lung_box": cv2.BORDER_CONSTANT}
