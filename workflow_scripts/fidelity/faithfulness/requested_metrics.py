"""The metrics that a config requests in `faithfulness`, bound to a classifier."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fidelity.classifiers.model import Classifier
from fidelity.faithfulness.case_rows import Measures
from fidelity.faithfulness.changed_images import answers_of
from fidelity.faithfulness.infidelity import Squares, measure_infidelity
from fidelity.faithfulness.one_map import Options
from fidelity.faithfulness.registry import names_by
from fidelity.settings.faithfulness import Faithfulness


def measures_of(
    classifier: Classifier,
    settings: Faithfulness,
    compute: Mapping[str, Any],
    *,
    derivative: bool,
) -> Measures:
    """Bind the requested metrics to a classifier."""
    batch, dtype = compute["batch"], compute["dtype"]
    infidelities = names_by("infidelity", settings.metrics)
    infidelity = partial(
        measure_infidelity,
        logits=answers_of(classifier, batch, dtype, "logit"),
        squares=Squares(**dict(settings.infidelity), fill=settings.fill),
        derivative=derivative,
    )
    return Measures(
        classifier.classes,
        answers_of(classifier, batch, dtype),
        Options(
            names_by("removal", settings.metrics),
            settings.steps,
            settings.fill,
            settings.road_shares,
        ),
        infidelity if infidelities else None,
        infidelities,
    )
