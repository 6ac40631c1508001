"""Null baseline: the whole lung."""

from collections.abc import Sequence
from typing import Any

from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.baselines.geometry import native_lung, shown


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Answer every case with its lung mask at native size, whatever the image shows.

    Returns:
        A function from tasks to maps of kind `binary`.
    """
    del context, settings

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        return [Explanation(shown(task.case, native_lung(task.case))) for task in tasks]

    return explain
