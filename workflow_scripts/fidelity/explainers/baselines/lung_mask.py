"""Null baseline: the whole lung."""

from fidelity.explainers.base import Context, Explain, Explanation, one_by_one
from fidelity.explainers.baselines.geometry import has_lung, native_lung, shown
from fidelity.settings.explainers import LungMask

has_answer = has_lung


def make(context: Context, settings: LungMask) -> Explain:
    """Give every case its lung mask at native size, also where the image is cropped or masked.

    Returns:
        A function from tasks to maps of kind `binary`.
    """
    del context, settings

    return one_by_one(lambda task: Explanation(shown(task.case, native_lung(task.case))))
