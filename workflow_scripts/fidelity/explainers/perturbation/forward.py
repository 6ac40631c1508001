"""Classify perturbed images in batches of one fixed size."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch

from fidelity.classifiers.predict import classify_padded
from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.settings.explainers import Perturbation

if TYPE_CHECKING:
    from fidelity.datasets.prepared import PreparedCase

ExplainCase = Callable[["PreparedCase", int, Sequence[int]], list[Explanation]]
"""Explains a case for several targets: gets the case, its seed and the targets' indices."""


def per_case(context: Context, explain: ExplainCase) -> Explain:
    """Explain consecutive tasks of the same case together.

    One forward pass serves all classes, and the seed is the case's. So each task gets the map that
    it would get alone, whatever the grouping.
    """

    def explain_all(tasks: Sequence[Task]) -> list[Explanation]:
        explanations: list[Explanation] = []
        # The digest is compared too: a case with a changed image keeps its name and random numbers.
        for _, group in groupby(tasks, key=lambda task: (task.case.case, task.case.digest)):
            of_case = list(group)
            targets = list(dict.fromkeys(task.target for task in of_case))
            first = of_case[0]
            found = explain(first.case, context.seed_of(first), targets)
            by_target = dict(zip(targets, found, strict=True))
            explanations += [by_target[task.target] for task in of_case]
        return explanations

    return explain_all


def chunks(count: int, size: int) -> Iterator[slice]:
    """Split `count` images into runs of at most `size`."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def classify(context: Context, images: torch.Tensor, settings: Perturbation) -> torch.Tensor:
    """Classify one batch of perturbed images: float64 (n, classes), on the classifier's device.

    Args:
        images: float (n, H, W) in [0, 1] on the classifier's device, n at most the batch size.
    """
    return classify_padded(
        context.classifier, images, context.batch, settings.output, settings.precision
    ).double()


def classify_all(
    context: Context,
    settings: Perturbation,
    count: int,
    perturb: Callable[[slice], torch.Tensor],
) -> np.ndarray:
    """Classify images made batch by batch, to save memory: float64 (count, classes).

    Args:
        perturb: makes the images of a run, as `classify` takes them.
    """
    results = [
        classify(context, perturb(run), settings).cpu().numpy()
        for run in chunks(count, context.batch)
    ]
    return np.concatenate(results)
