"""Ceiling: what a second reader has drawn. People agree with each other no better than this."""

from collections.abc import Sequence
from typing import Any

from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.baselines.geometry import shown
from fidelity.masks import decode


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Answer every case with the second reader's mask at native size.

    Returns:
        A function from tasks to maps of kind `binary`.
    """
    del context, settings

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        return [_explain_one(task) for task in tasks]

    return explain


def _explain_one(task: Task) -> Explanation:
    reading = task.case.second_references.get(task.cls)
    if reading is None:
        raise ValueError(f"no second reader has marked the class {task.cls!r} of this case")
    return Explanation(shown(task.case, decode(reading)))
