"""Null baseline: the whole lung."""

from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.baselines.geometry import native_lung, shown
from fidelity.settings.explainers import LungMask


def has_answer(task: Task, settings: LungMask) -> bool:
    """Check whether the case has a lung mask: one of low quality is not used."""
    del settings
    return task.case.lung_native is not None


def make(context: Context, settings: LungMask) -> Explain:
    """Give every case its lung mask at native size, whatever the image shows.

    Returns:
        A function from tasks to maps of kind `binary`.
    """
    del context, settings

    return one_by_one(lambda task: Explanation(shown(task.case, native_lung(task.case))))
