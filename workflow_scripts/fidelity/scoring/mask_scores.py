"""From a predicted mask and its reference to one row of scores."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.localization import SCORES
from fidelity.base.errors import InputError
from fidelity.base.job_log import working_on
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.case_maps import order_of
from fidelity.maps.pixel_frames import ScoringSize, frame_of, reference_in_frame
from fidelity.masks.run_lengths import RLE, decode
from fidelity.metrics.conventions import Protocol
from fidelity.metrics.distance import Spacing
from fidelity.metrics.metric import Metric
from fidelity.metrics.pair import MaskPair

MULTILABEL_CUTOFF = 0.5


@dataclass(frozen=True)
class Verdict:
    """What a classifier said of a case about one model class.

    Attributes:
        target_is_predicted: whether the class is the predicted one (multilabel: is predicted).
        probability: of the class.
        correct: whether the case is classified right (multilabel: as to this class); None where
            the label is uncertain.
    """

    target_is_predicted: bool | None
    probability: float
    correct: bool | None


UNKNOWN = Verdict(None, math.nan, None)


def verdicts(predictions: pd.DataFrame, task: str) -> dict[tuple[str, str], Verdict]:
    """Read off the predictions what the classifier said of each case and model class.

    Args:
        predictions: long form: case, class, label (0/1, NaN where uncertain), probability.
        task: `multiclass` (the most probable class is predicted, the first one of equals) or
            `multilabel` (each class of probability at least 0.5 is).

    Returns:
        {(case, model class): verdict}.
    """
    result: dict[tuple[str, str], Verdict] = {}
    for case, rows in predictions.groupby("case", sort=False):
        classes = rows["class"].tolist()
        probability = rows["probability"].to_numpy(float)
        label = rows["label"].to_numpy(float)
        truth = label == 1
        if task == "multilabel":
            predicted = probability >= MULTILABEL_CUTOFF
            correct = predicted == truth
        else:
            predicted = np.arange(len(classes)) == int(np.argmax(probability))
            correct = np.full(len(classes), bool((predicted & truth).any()))
        for index, name in enumerate(classes):
            result[str(case), name] = Verdict(
                bool(predicted[index]),
                float(probability[index]),
                None if np.isnan(label[index]) else bool(correct[index]),
            )
    return result


def score_mask(
    reference: np.ndarray,
    prediction: np.ndarray,
    metrics: Sequence[Metric],
    protocol: Protocol,
    spacing: Spacing | None = None,
) -> dict[str, Any]:
    """Score one predicted mask.

    Args:
        reference: boolean (H, W).
        prediction: boolean (H, W).
        metrics: to be computed; what they share is computed once.
        protocol: conventions of the metrics.
        spacing: (row, column) size of a pixel in mm; None if unknown.

    Returns:
        empty_prediction, empty_reference and one float per metric, NaN where undefined.
    """
    pair = MaskPair(reference, prediction, spacing)
    return {
        "empty_prediction": pair.prediction.empty,
        "empty_reference": pair.reference.empty,
        **{metric.name: metric.function(pair, protocol) for metric in metrics},
    }


def spacing_pair(spacing: float | Sequence[float] | None) -> Spacing | None:
    """Read the setting `pixel_spacing`: one number is both the rows' and the columns'."""
    if spacing is None:
        return None
    row, column = (spacing, spacing) if isinstance(spacing, int | float) else spacing
    return float(row), float(column)


def spacing_in_frame(case: PreparedCase, scoring_size: ScoringSize) -> Spacing | None:
    """Give the (row, column) size in mm of a pixel of the frame; None if it is unknown.

    The working image shows the case's box at another resolution than the native one.
    """
    if case.spacing is None:
        return None
    y0, x0, y1, x1 = case.box
    top, left, bottom, right = frame_of(case, scoring_size).box
    row, column = case.spacing
    return row * (y1 - y0) / (bottom - top), column * (x1 - x0) / (right - left)


def score_case(
    case: PreparedCase,
    status: Mapping[str, str],
    rle: RLE | None,
    verdict: Verdict,
    metrics: Sequence[Metric],
    protocol: Protocol,
    scoring_size: ScoringSize,
) -> dict[str, Any]:
    """Make the row of one case and class.

    Args:
        case: the prepared case.
        status: the binarization's row: class, target_class, status.
        rle: the predicted mask at scoring size; None for a failed one, whose metrics are NaN.
        verdict: of the classifier about the target class.
        metrics: to be computed.
        protocol: conventions of the metrics.
        scoring_size: frame of the comparison.

    Returns:
        One row of scores.parquet.

    Raises:
        InputError: the predicted mask has another size than the frame.
    """
    cls = status["class"]
    reference = reference_in_frame(case, cls, scoring_size)
    if rle is None:
        scores: dict[str, Any] = {"empty_prediction": False, "empty_reference": not reference.any()}
        scores |= {metric.name: math.nan for metric in metrics}
    else:
        prediction = decode(rle)
        spacing = spacing_in_frame(case, scoring_size)
        if prediction.shape != reference.shape:
            raise InputError(
                f"the predicted mask is {prediction.shape[0]} x {prediction.shape[1]} px, the"
                f" reference {reference.shape[0]} x {reference.shape[1]}",
                field=f"{case.case}/{cls}",
                remedy="Masks are scored at the size they were made for: check scoring_size",
            )
        scores = score_mask(reference, prediction, metrics, protocol, spacing)
    return {
        "case": case.case,
        "patient": case.patient,
        "split": case.split,
        "class": cls,
        "target_class": status["target_class"],
        "target_is_predicted": verdict.target_is_predicted,
        "probability": verdict.probability,
        "correct": verdict.correct,
        "status": status["status"],
        "reference_area": int(np.count_nonzero(reference)),
        "image_area": reference.size,
        **scores,
    }


def score_cohort(
    cases: Iterable[PreparedCase],
    masks: Mapping[str, Mapping[str, RLE]],
    status: pd.DataFrame,
    said: Mapping[tuple[str, str], Verdict] | None,
    labels: Mapping[str, str],
    metrics: Sequence[Metric],
    protocol: Protocol,
    scoring_size: ScoringSize,
) -> pd.DataFrame:
    """Score all predicted masks that have a reference.

    Args:
        cases: the prepared cases; those without a row in `status` are passed over.
        masks: predicted masks.
        status: rows case, class, target_class, status of the binarization.
        said: verdicts of the classifier; None where no classifier took part.
        labels: source class to model class, to name the target where no classifier took part.
        metrics: to be computed.
        protocol: conventions of the metrics.
        scoring_size: frame of the comparison.

    Returns:
        The table scores.parquet, sorted by split, case and class; without the metrics in mm where
        no case has a spacing.

    Raises:
        InputError: a case has no prediction, a mask is missing, or a case is in no shard.
    """
    asked = defaultdict(list)
    spaced = False
    for row in status.to_dict("records"):
        asked[row["case"]].append(row)
    rows = []
    for case in cases:
        working_on(case.case)
        for row in asked.pop(case.case, []):
            cls = row["class"]
            if cls not in case.references:
                continue
            spaced = spaced or case.spacing is not None
            target = row["target_class"] or labels.get(cls) or cls
            rle = masks.get(case.case, {}).get(cls)
            if (rle is None) == (row["status"] == "ok"):
                raise InputError(
                    "masks and their status disagree",
                    field=f"{case.case}/{cls}",
                    remedy="Delete both files and run again",
                )
            if said is not None and (case.case, target) not in said:
                raise InputError(
                    f"there is no prediction of {target!r}",
                    field=case.case,
                    remedy="Delete the predictions and run again",
                )
            verdict = UNKNOWN if said is None else said[case.case, target]
            entry = {**row, "target_class": target}
            rows.append(score_case(case, entry, rle, verdict, metrics, protocol, scoring_size))
    working_on("")
    if asked:
        raise InputError(f"{len(asked)} cases with masks are in no shard", field=min(asked))
    # A column of a unit that no case has would count every case as undefined.
    return _table(rows, [metric for metric in metrics if spaced or metric.unit != "mm"])


def _table(rows: list[dict[str, Any]], metrics: Sequence[Metric]) -> pd.DataFrame:
    """Sort the rows and give the columns their types, which an empty table has too."""
    rows = sorted(rows, key=lambda row: order_of(row["split"], row["case"], row["class"]))
    return SCORES.with_metrics(metric.name for metric in metrics).typed(rows)
