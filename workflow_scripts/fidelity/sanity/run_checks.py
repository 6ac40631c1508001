"""The sanity checks of one explainer of one classifier: how similar its maps remain."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.checks import SANITY_CASES, SANITY_MAP
from fidelity.analysis.columns.shared import SIMILARITIES
from fidelity.base.seeding import seed_for
from fidelity.explainers.base import Context, Task
from fidelity.explainers.rerun import attributions, explainer_of
from fidelity.maps.saliency_map import Sign
from fidelity.metrics.map_similarity import similarities
from fidelity.sanity.cascade import cascade, stages_of
from fidelity.settings.explainers import Explainer

log = logging.getLogger(__name__)


def check(
    context: Context,
    explainer: Explainer,
    tasks: Sequence[Task],
    *,
    tests: Sequence[str],
    layers: int,
    sign: Sign,
) -> pd.DataFrame:
    """Compare the maps of some cases with those of randomised networks and of other classes.

    The random numbers of the explainer are the same for all maps of a case. Only the network or the
    class differs.

    Args:
        layers: number of stages of the cascade.

    Returns:
        The table sanity.parquet: one row per case and check. `depth` is 1 if only the last layer is
        random, and 0 for the test `logit`. The similarities have the names that
        `map_similarity.similarities` gives them; they are nan if a map could not be made.
    """
    classifier = context.classifier
    originals = list(attributions(explainer_of(context, explainer), tasks, context.batch))
    rows: list[dict[str, Any]] = []

    def compare(with_classifier: Context, others: Sequence[Task], head: dict[str, Any]) -> None:
        explain = explainer_of(with_classifier, explainer)
        found = attributions(explain, others, context.batch)
        for task, original, other_task, other in zip(tasks, originals, others, found, strict=True):
            missing = original is None or other is None
            size = task.case.image.shape
            alike = {} if missing else similarities(original, other, size, sign)
            case = (task.case.case, task.case.patient, task.case.split, task.cls)
            names = (classifier.classes[each.target] for each in (task, other_task))
            target, explained = names
            rows.append(
                {
                    **dict(zip(SANITY_MAP, (*case, target), strict=True)),
                    **head,
                    "explained_class": explained,
                    **(dict.fromkeys(SIMILARITIES, np.nan) | alike),
                }
            )

    if "parameters" in tests:
        stages = stages_of(classifier.network, layers)
        for stage, twin in cascade(classifier, stages, context.seed):
            head = {"test": "parameters", "depth": stage.depth, "layer": stage.layer}
            head["parameters_share"] = stage.share
            compare(replace(context, classifier=twin), tasks, head)
            log.info("random down to %s: %d maps", stage.layer, len(tasks))
    if "logit" in tests and len(classifier.classes) > 1:
        head = {"test": "logit", "depth": 0, "layer": "", "parameters_share": 0.0}
        others = [other_class(task, len(classifier.classes), context.seed) for task in tasks]
        compare(context, others, head)
    return SANITY_CASES.typed(rows)


def other_class(task: Task, classes: int, seed: int) -> Task:
    """Replace the class by another one, drawn for each case (Sixt, Granz & Landgraf 2020)."""
    others = [index for index in range(classes) if index != task.target]
    drawn = seed_for(seed, task.case.case, task.cls, "other class")
    return replace(task, target=others[drawn % len(others)])
