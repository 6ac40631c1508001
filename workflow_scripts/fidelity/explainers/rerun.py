"""Call an explainer again: on changed images, with changed weights, or for another class."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

import numpy as np

from fidelity.base.seeding import seed_for
from fidelity.explainers.base import Context, Explain, Task, explain_each
from fidelity.explainers.registry import method_of
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Explainer


def explainer_of(context: Context, settings: Explainer) -> Explain:
    """Set up the explainer of a config entry, as the rule `explain` does."""
    return method_of(settings.method).implementation().make(context, settings)


def some_tasks(tasks: Sequence[Task], count: int | None, seed: int) -> list[Task]:
    """Choose at most `count` tasks of each class.

    Args:
        count: None for all of them.
        seed: the config's seed.

    Returns:
        The tasks whose cases have the lowest hashes, in the order of the cases' names. The choice
        depends on neither shards nor explainer, so all explainers get the same cases.
    """

    def place(task: Task) -> tuple[int, str]:
        return seed_for(seed, task.case.case, "chosen"), task.case.case

    by_class: dict[str, list[Task]] = {}
    for task in tasks:
        by_class.setdefault(task.cls, []).append(task)
    kept = chain.from_iterable(sorted(part, key=place)[:count] for part in by_class.values())
    return sorted(kept, key=lambda task: (task.case.case, task.cls))


def with_image(task: Task, image: np.ndarray, number: int) -> Task:
    """Replace a task's image by another, uint8 (S, S).

    The case keeps its name, so that the explainer draws the same random numbers as for the original
    image; its digest changes.
    """
    case = replace(task.case, image=image, digest=f"{task.case.digest}+{number}")
    return replace(task, case=case)


def attributions(
    explain: Explain, tasks: Iterable[Task], batch: int
) -> Iterator[SaliencyMap | None]:
    """Explain tasks in batches, with one batch in memory at a time.

    Yields:
        Per task the map in its native form; None where the explainer failed (the reason is logged).
    """
    pending = iter(tasks)
    while chunk := list(islice(pending, batch)):
        for found in explain_each(explain, chunk):
            yield None if isinstance(found, Exception) else found.map
