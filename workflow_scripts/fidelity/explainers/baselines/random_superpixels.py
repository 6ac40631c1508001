"""Null baseline: LIME's own superpixels with random weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.maps import SaliencyMap


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Answer every case with standard normal weights on its superpixels.

    What LIME scores above this comes from the classifier, not from the segmentation.

    Args:
        context: seed.
        settings: superpixels, as LIME's.

    Returns:
        A function from tasks to maps of kind `superpixels`.
    """

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        return [_explain_one(context, settings, task) for task in tasks]

    return explain


def _explain_one(context: Context, settings: dict[str, Any], task: Task) -> Explanation:
    seed = context.seed_of(task)
    segments = segment(rgb_image(task.case.image), settings["superpixels"], seed)
    weights = np.random.default_rng(seed).standard_normal(segments.max() + 1)
    return Explanation(
        SaliencyMap("superpixels", weights, segments), {"superpixels": int(segments.max() + 1)}
    )
