"""Define what an explainer receives and returns."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fidelity.base.seeding import seed_for
from fidelity.maps.saliency_map import SaliencyMap

if TYPE_CHECKING:
    from fidelity.classifiers.model import Classifier
    from fidelity.datasets.prepared import PreparedCase

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One map to compute.

    Attributes:
        cls: source class whose reference mask the map will be scored against.
        target: index of the explained class among the classifier's outputs (None without one).
    """

    case: "PreparedCase"
    cls: str
    target: int | None


@dataclass(frozen=True)
class Explanation:
    """A map and the values that the explainer reports with it (JSON-serialisable)."""

    map: SaliencyMap
    extras: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What all maps of a job share.

    Attributes:
        classifier: in eval mode on its device; None for explainers without one.
        batch: images per forward pass; constant, so that results do not depend on grouping.
        method: the method's name; two configurations of a method share their random numbers.
        fitted: file of what was fitted to the training split; None if nothing is.
        compute: threads and device, for methods with a network of their own.
    """

    classifier: "Classifier | None"
    batch: int
    seed: int
    method: str
    fitted: Path | None = None
    compute: dict[str, Any] = field(default_factory=dict)
    plugins: Sequence[str] = ()

    def seed_of(self, task: Task, repeat: int = 0) -> int:
        """Compute a task's random seed, which does not depend on shard, order or setting."""
        return seed_for(self.seed, task.case.case, self.method, repeat)


Explain = Callable[[Sequence[Task]], list[Explanation]]
"""Explains a batch of tasks; the result has their order."""


def one_by_one(explain_task: Callable[[Task], Explanation]) -> Explain:
    """Decorate a function that explains one task, so that it explains a batch of tasks."""
    return lambda tasks: [explain_task(task) for task in tasks]


def explain_each(explain: Explain, tasks: Sequence[Task]) -> list[Explanation | Exception]:
    """Explain a batch; if that fails, explain each task alone, so that only bad cases fail.

    Returns:
        Per task its explanation, or the reason why there is none (it is logged).
    """
    try:
        return list(explain(tasks))
    except Exception as error:  # noqa: BLE001 - any failure is recorded with its case
        log.warning("a batch failed (%s); its cases are explained one by one", error)
        return [_explain_alone(explain, task) for task in tasks]


def _explain_alone(explain: Explain, task: Task) -> Explanation | Exception:
    try:
        return explain([task])[0]
    except Exception as error:  # noqa: BLE001
        log.exception("case %s failed", task.case.case)
        return error
