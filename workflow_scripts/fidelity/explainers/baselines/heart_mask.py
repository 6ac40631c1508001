"""Null baseline: the whole heart; the most relevant baseline if the finding is cardiomegaly."""

from fidelity.datasets.annotations.chexmask import HEART
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.baselines.geometry import shown
from fidelity.masks.run_lengths import decode
from fidelity.settings.explainers import HeartMask


def has_answer(task: Task, settings: HeartMask) -> bool:
    """Check whether the case has a heart mask; masks of low quality do not count."""
    del settings
    return HEART in task.case.organs


def make(context: Context, settings: HeartMask) -> Explain:
    """Give every case with a heart mask this mask at native size, also where the image is cropped.

    Returns:
        A function from tasks to maps of kind `binary`.
    """
    del context, settings

    return one_by_one(lambda task: Explanation(shown(task.case, decode(task.case.organs[HEART]))))
