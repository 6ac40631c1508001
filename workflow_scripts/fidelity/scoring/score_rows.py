"""Build rows of scores, in the same way for masks and maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.localization import SCORES
from fidelity.base.errors import InputError
from fidelity.base.files import read_json
from fidelity.classifiers.predictions import UNKNOWN, Answer, answers_of, read_predictions
from fidelity.datasets.prepared import PreparedCase
from fidelity.datasets.prepared_list import listed
from fidelity.maps.case_maps import order_of_row, row_head

# Arguments that scoring scripts take from their rules under another name (see `run_job`).
SCORED: Mapping[str, Any] = {
    "prepared": lambda job: listed(job.input.prepared),
    "predictions": lambda job: job.input.get("predictions") or None,
    "classes_json": "classes",
}


@dataclass(frozen=True)
class Targets:
    """The explained classes, with the classifier's predictions for them.

    Attributes:
        said: predictions of the classifier; None for explainers without a classifier.
        labels: source class → model class, which names the target if there is no classifier.
    """

    said: Mapping[tuple[str, str], Answer] | None
    labels: Mapping[str, str]

    def row_of(
        self,
        case: PreparedCase,
        cls: str,
        target: str | None,
        status: str,
        reference: np.ndarray,
        scores: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Build the row of one case and class, for scores.parquet or ranking.parquet.

        Args:
            target: model class that was explained; empty for explainers without a classifier.
            status: status of the explanation, `ok` or `failed`.
            reference: boolean (H, W) in the scored frame.
            scores: empty_prediction and one float per metric.

        Raises:
            InputError: the case has no prediction.
        """
        target = target or self.labels.get(cls) or cls
        if self.said is not None and (case.case, target) not in self.said:
            raise InputError(
                f"the prediction of {target!r} is missing",
                field=case.case,
                remedy="Delete the predictions and run again",
            )
        answer = UNKNOWN if self.said is None else self.said[case.case, target]
        return {
            **row_head(case, cls),
            "target_class": target,
            **vars(answer),
            "status": status,
            "reference": case.reference_kind(cls),
            "empty_reference": not reference.any(),
            "reference_area": int(np.count_nonzero(reference)),
            "image_area": reference.size,
            **scores,
        }


def explained_targets(classes_json: str | Path, predictions: str | Path | None) -> Targets:
    """Read the explained classes and their predictions.

    Args:
        classes_json: the data set's classes.json.
        predictions: predictions.csv; None for explainers without a classifier, whose rows have the
            probability NaN and a null correctness.
    """
    classes = read_json(classes_json)
    said = None if predictions is None else read_predictions(predictions)
    return Targets(None if said is None else answers_of(said, classes["task"]), classes["labels"])


def table_of(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> pd.DataFrame:
    """Sort rows by split, case and class, and set the columns' types, even without rows."""
    rows = sorted(rows, key=order_of_row)
    return SCORES.with_metrics(metrics).typed(rows)
