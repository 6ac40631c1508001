"""Null baseline: a Gaussian at the centre of the original image."""

import numpy as np

from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import CentrePrior


def make(context: Context, settings: CentrePrior) -> Explain:
    """Give every case the same Gaussian at the centre of its original image.

    In a crop, the map is the part of the Gaussian that the crop shows. A Gaussian at the centre of
    the crop would use where the lung is.

    Args:
        settings: sigma, as a share of the original image's side.

    Returns:
        A function from tasks to maps of kind `dense` at working size.
    """
    del context

    @one_by_one
    def explain(task: Task) -> Explanation:
        return Explanation(SaliencyMap("dense", gaussian(task.case, settings.sigma)))

    return explain


def gaussian(case: PreparedCase, sigma: float) -> np.ndarray:
    """Evaluate exp(-r²/2σ²) at a working image's pixels; r and σ are shares of the native side.

    Args:
        case: its working image shows the native pixels of its box.
        sigma: standard deviation as a share of the native side.

    Returns:
        float64 (H, W) of the working image, in (0, 1]; r is 0 at the centre of the native image,
        which may lie outside the box.
    """
    y, x = (
        (
            case.box[axis] / side
            + (np.arange(n) + 0.5) / n * ((case.box[axis + 2] - case.box[axis]) / side)
            - 0.5
        )
        ** 2
        for axis, (side, n) in enumerate(zip(case.native_size, case.image.shape, strict=True))
    )
    return np.exp(-(y[:, None] + x[None, :]) / (2 * sigma**2))
