"""Null baseline: the middle of the image."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.maps import SaliencyMap


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Answer every case with the same Gaussian at the centre.

    Args:
        context: not used.
        settings: sigma, as a share of the image's side.

    Returns:
        A function from tasks to maps of kind `dense` at working size.
    """
    del context

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        return [
            Explanation(SaliencyMap("dense", gaussian(task.case.image.shape, settings["sigma"])))
            for task in tasks
        ]

    return explain


def gaussian(shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Evaluate exp(-r²/2σ²), r and σ as shares of the side.

    Args:
        shape: (height, width).
        sigma: standard deviation as a share of the side.

    Returns:
        float64 array in (0, 1], its peak at the centre.
    """
    y, x = (((np.arange(n) + 0.5) / n - 0.5) ** 2 for n in shape)
    return np.exp(-(y[:, None] + x[None, :]) / (2 * sigma**2))
