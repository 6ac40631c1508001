"""Ceiling: the mask of another reader. Human readers agree with each other only this well."""

from fidelity.datasets.readers.names import ANY, SECOND
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.baselines.geometry import shown
from fidelity.masks.run_lengths import decode
from fidelity.settings.explainers import SecondReader


def has_answer(task: Task, settings: SecondReader) -> bool:
    """Check whether the reader has read the class; a case with a single reader is not a failure."""
    return _reader(task, settings) in task.case.readers_of(task.cls)


def make(context: Context, settings: SecondReader) -> Explain:
    """Give every case that the reader has read this reader's mask at native size.

    Returns:
        A function from tasks to maps of kind `binary`.
    """
    del context

    @one_by_one
    def explain(task: Task) -> Explanation:
        mask = decode(task.case.reading(task.cls, _reader(task, settings)))
        return Explanation(shown(task.case, mask))

    return explain


def _reader(task: Task, settings: SecondReader) -> str:
    chosen = settings.reader or SECOND
    return task.case.one_reader(task.cls) if chosen == ANY else chosen
