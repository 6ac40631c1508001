"""Null baseline: the whole lung."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.maps import SaliencyMap
from fidelity.masks import decode


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Answer every case with its lung mask at native size, whatever the image shows.

    Returns:
        A function from tasks to maps of kind `binary`.
    """
    del context, settings

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        return [_explain_one(task) for task in tasks]

    return explain


def _explain_one(task: Task) -> Explanation:
    if task.case.lung_native is None:
        raise ValueError("the case has no lung mask")
    y0, x0, y1, x1 = task.case.box
    lung = decode(task.case.lung_native)[y0:y1, x0:x1]
    return Explanation(SaliencyMap("binary", lung.astype(np.uint8)))
