"""Sensitivity-max: how much a map changes after an invisibly small change of its image.

From Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations; as
`captum.metrics.sensitivity_max`, on images of 256 grey values.
"""

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from fidelity.analysis.columns.checks import SENSITIVITY
from fidelity.base.seeding import seed_for
from fidelity.explainers.base import Explain, Task
from fidelity.explainers.rerun import attributions, with_image
from fidelity.maps.case_maps import order_of
from fidelity.maps.saliency_map import raw_map

LEVELS = 255

log = logging.getLogger(__name__)


def measure_sensitivity(
    explain: Explain,
    tasks: Sequence[Task],
    *,
    samples: int,
    radius: float,
    absolute: bool,
    batch: int,
    seed: int,
) -> pd.DataFrame:
    """Measure an explainer on some cases, with samples + 1 maps per case.

    Args:
        samples: changed images per case.
        radius: largest change of a pixel, in grey values of [0, 1].
        absolute: whether maps are compared by their absolute values.

    Returns:
        The table sensitivity.parquet with the columns SENSITIVITY, sorted by split, case and class.
        The value is nan if a map could not be made, or if the image's own map is zero everywhere.
    """

    def all_tasks() -> Iterator[Task]:
        for task in tasks:
            yield task
            noise = seed_for(seed, task.case.case, "sensitivity")
            for number, image in enumerate(neighbours(task.case.image, samples, radius, noise)):
                yield with_image(task, image, number)

    maps = attributions(explain, all_tasks(), batch)
    rows = []
    for number, task in enumerate(tasks, start=1):
        own, *others = (next(maps) for _ in range(samples + 1))
        missing = own is None or any(each is None for each in others)
        case, found = task.case, np.nan
        if not missing:
            size, sign = case.image.shape, "absolute" if absolute else "signed"
            moved = np.stack([raw_map(each, size, sign) for each in others])
            found = sensitivity_max(raw_map(own, size, sign), moved)
        rows.append((case.case, case.patient, case.split, task.cls, found))
        log.info("%d of %d cases", number, len(tasks))
    rows.sort(key=lambda row: order_of(row[2], row[0], row[3]))
    return SENSITIVITY.typed(rows)


def neighbours(image: np.ndarray, samples: int, radius: float, seed: int) -> np.ndarray:
    """Sample random images around an image, uniformly within a maximum change per pixel.

    Args:
        image: uint8 (H, W).
        radius: largest change of a pixel, in grey values of [0, 1]. It is rounded down to a whole
            number of grey levels (255 levels correspond to 1).

    Returns:
        uint8 (samples, H, W). Black and white pixels can change in one direction only.
    """
    # The small number keeps 4.999… from being rounded down to 4 if 5 was meant.
    levels = int(radius * LEVELS + 1e-9)
    noise = np.random.default_rng(seed).integers(
        -levels, levels, (samples, *image.shape), np.int16, endpoint=True
    )
    return np.clip(image + noise, 0, LEVELS).astype(np.uint8)


def sensitivity_max(own: np.ndarray, others: np.ndarray) -> float:
    """Return the largest relative change of a map.

    Args:
        own: the image's map (H, W).
        others: the neighbours' maps (n, H, W).

    Returns:
        max ‖other − own‖ / ‖own‖ in Euclidean norm, at least 0. It is nan for a map of zeros;
        captum returns ‖other − own‖ in that case, which has another unit.
    """
    norm = float(np.linalg.norm(own.astype(np.float64)))
    if norm == 0:
        return float("nan")
    moved = (others.astype(np.float64) - own).reshape(len(others), -1)
    return float(np.linalg.norm(moved, axis=1).max() / norm)
