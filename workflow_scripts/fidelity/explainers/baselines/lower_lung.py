"""Null baseline: the lower half of the lung, where pneumonia is most often seen."""

import numpy as np

from fidelity.explainers.base import Context, Explain, Explanation, one_by_one
from fidelity.explainers.baselines.geometry import bounds, has_lung, native_lung, shown
from fidelity.settings.explainers import LowerLung

has_answer = has_lung


def make(context: Context, settings: LowerLung) -> Explain:
    """Give every case the lower half of its lung mask at native size, as a map of kind `binary`."""
    del context, settings

    return one_by_one(lambda task: Explanation(shown(task.case, lower(native_lung(task.case)))))


def lower(lung: np.ndarray) -> np.ndarray:
    """Keep the pixels whose centres lie below the vertical middle of the bounding box.

    Args:
        lung: (H, W) bool, both lungs together.

    Raises:
        ValueError: the lung is empty.
    """
    top, _, bottom, _ = bounds(lung)
    below = np.arange(len(lung)) + 0.5 > (top + bottom) / 2
    return lung & below[:, None]
