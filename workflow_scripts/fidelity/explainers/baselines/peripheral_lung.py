"""Null baseline: the band along the lung's edge, where COVID-19 is most often seen."""

import cv2
import numpy as np

from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.baselines.geometry import has_lung, native_lung, shown
from fidelity.settings.explainers import PeripheralLung

has_answer = has_lung


def make(context: Context, settings: PeripheralLung) -> Explain:
    """Give every case the outer band of its lung mask at native size, as a map of kind `binary`.

    Args:
        settings: width, as a share of the largest inner distance.
    """
    del context

    @one_by_one
    def explain(task: Task) -> Explanation:
        lung = periphery(native_lung(task.case), settings.width)
        return Explanation(shown(task.case, lung))

    return explain


def periphery(lung: np.ndarray, width: float) -> np.ndarray:
    """Keep the pixels near the edge of the lung.

    Args:
        lung: (H, W) bool, both lungs together.
        width: of the band, as a share of the largest distance from the edge inside the lung; 1
            keeps all pixels.

    Returns:
        (H, W) bool. A pixel's distance is that to the nearest pixel outside the lung (Euclidean);
        the border of the image is an edge too.
    """
    padded = np.pad(lung, 1).astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return lung & (distance <= width * distance.max())
