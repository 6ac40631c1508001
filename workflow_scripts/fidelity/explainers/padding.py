"""Stack the images of a batch of tasks, padded to one fixed size."""

from collections.abc import Sequence

import numpy as np

from fidelity.explainers.base import Task


def padded(tasks: Sequence[Task], size: int) -> tuple[np.ndarray, list[int]]:
    """Stack tasks, and fill the batch with black images: rounding depends on its size.

    Returns:
        uint8 (size, H, W), and each image's target; 0 for the padding.
    """
    images = np.stack([task.case.image for task in tasks])
    missing = size - len(tasks)
    filling = np.zeros((missing, *images.shape[1:]), images.dtype)
    return np.concatenate([images, filling]), [task.target for task in tasks] + [0] * missing
