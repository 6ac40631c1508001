"""Null baselines: boxes at a typical place, of a typical size, or both, for lesions of a class.

`mean_box` is the mean of the training boxes of a class. `centre_box` is a box of their mean size at
the centre of the image. `random_box` has the size of a training box at a random place.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.baselines.fitted import (
    annotated_cases,
    no_training_masks,
    read_fitted,
    write_fitted,
)
from fidelity.explainers.baselines.geometry import shown
from fidelity.masks.boxes import fill_boxes
from fidelity.masks.run_lengths import decode
from fidelity.metrics.boxes.from_maps import boxes_of_mask
from fidelity.settings.explainers import CentreBox, MeanBox, RandomBox

log = logging.getLogger(__name__)

Settings = MeanBox | CentreBox | RandomBox


def fit(
    train: Sequence[Path],
    val: Sequence[Path],
    settings: Settings,
    seed: int,
    compute: dict[str, Any],
    output: Path,
    code: str = "",
) -> None:
    """Collect the reference boxes of the training split per source class.

    Args:
        train: prepared training shards.
        output: the file to write: float64 (boxes, 4) with y0, x0, y1, x1 as shares of the native
            sides, and int64 (boxes,) with their classes. If a class has only masks, its boxes are
            the rectangles that bound their 8-connected parts.
        code: not used; fitting takes seconds, so there is nothing to resume.

    Raises:
        InputError: no training case has a box.
    """
    del val, seed, compute, code
    found = [
        (case.case, cls, *box)
        for case in annotated_cases(train)
        for cls in case.references
        for box in _shares(case, cls).tolist()
    ]
    if not found:
        raise no_training_masks()
    # Sorted, so that neither the shards nor their order change the sums, not even by rounding.
    found.sort()
    classes = sorted({cls for _, cls, *_ in found})
    for cls in classes:
        log.info("%s: %d boxes", cls, sum(item[1] == cls for item in found))
    tensors = {
        "boxes": np.array([box for _, _, *box in found], np.float64),
        "classes": np.array([classes.index(cls) for _, cls, *_ in found], np.int64),
    }
    write_fitted(output, tensors, classes, settings.model_dump())


def _shares(case: PreparedCase, cls: str) -> np.ndarray:
    """Return the boxes of a class, float64 (k, 4), as shares of the native sides."""
    boxes = case.reference_boxes.get(cls)
    if boxes is None:
        boxes = boxes_of_mask(decode(case.references[cls]))
    return np.array(boxes, np.float64).reshape(-1, 4) / np.tile(case.native_size, 2)


def make(context: Context, settings: Settings) -> Explain:
    """Give every case a box of its class, as a map of kind `binary`."""
    tensors, classes = read_fitted(context.fitted, context.method)
    boxes = {
        cls: tensors["boxes"][tensors["classes"] == place] for place, cls in enumerate(classes)
    }

    @one_by_one
    def explain(task: Task) -> Explanation:
        if task.cls not in boxes:
            raise ValueError(f"no training case has a reference box of the class {task.cls!r}")
        box = _box(settings, boxes[task.cls], context.seed_of(task))
        case = task.case
        native = tuple((box * np.tile(case.native_size, 2)).tolist())
        return Explanation(shown(case, fill_boxes([native], case.native_size)))

    return explain


def _box(settings: Settings, boxes: np.ndarray, seed: int) -> np.ndarray:
    """Choose a box, (4,) shares of the sides, by the training boxes (k, 4) of a class."""
    if isinstance(settings, MeanBox):
        return boxes.mean(axis=0)
    sizes = boxes[:, 2:] - boxes[:, :2]
    if isinstance(settings, CentreBox):
        half = sizes.mean(axis=0) / 2
        return np.concatenate([0.5 - half, 0.5 + half])
    rng = np.random.default_rng(seed)
    size = sizes[rng.integers(len(sizes))]
    start = rng.random(2) * (1 - size)
    return np.concatenate([start, start + size])
