"""Ceiling: what a second reader has drawn. People agree with each other no better than this."""

from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.baselines.geometry import shown
from fidelity.masks.run_lengths import decode
from fidelity.settings.explainers import SecondReader


def has_answer(task: Task, settings: SecondReader) -> bool:
    """Check whether a second reader has marked the class: a case read once is not a failure."""
    del settings
    return task.cls in task.case.second_references


def make(context: Context, settings: SecondReader) -> Explain:
    """Give every case that was read twice the second reader's mask at native size.

    Returns:
        A function from tasks to maps of kind `binary`.
    """
    del context, settings

    @one_by_one
    def explain(task: Task) -> Explanation:
        mask = decode(task.case.second_references[task.cls])
        return Explanation(shown(task.case, mask))

    return explain
