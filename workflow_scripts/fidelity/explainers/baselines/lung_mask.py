"""Null baseline: the whole lung."""

from typing import Any

from fidelity.explainers.base import Context, Explain, Explanation, one_by_one
from fidelity.explainers.baselines.geometry import native_lung, shown


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Answer every case with its lung mask at native size, whatever the image shows.

    Returns:
        A function from tasks to maps of kind `binary`.
    """
    del context, settings

    return one_by_one(lambda task: Explanation(shown(task.case, native_lung(task.case))))
