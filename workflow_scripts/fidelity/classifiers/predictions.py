"""Read predictions.csv, and derive the prediction for each case and class."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fidelity.analysis.columns.classifiers import PREDICTIONS
from fidelity.base.files import read_csv, unreadable

MULTILABEL_CUTOFF = 0.5


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read predictions.csv; ids and names stay text ("007", "NA").

    Returns:
        PREDICTIONS, one row per case and model class; label, logit and probability are floats. The
        label is NaN if it is uncertain.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    text, numbers = dict.fromkeys(PREDICTIONS.of_kind("text"), str), PREDICTIONS.numbers
    how = {"dtype": text, "keep_default_na": False, "na_values": {name: [""] for name in numbers}}
    table = read_csv(path, PREDICTIONS.names, **how)
    try:
        return table.astype(dict.fromkeys(numbers, float))
    except ValueError as error:
        raise unreadable(path, error) from error


@dataclass(frozen=True)
class Answer:
    """The prediction of a classifier for a case and one model class.

    Attributes:
        target_is_predicted: whether the class is the predicted one (multilabel: is predicted).
        correct: whether the case is classified correctly (multilabel: for this class); None if the
            label is uncertain.
    """

    target_is_predicted: bool | None
    probability: float
    correct: bool | None


UNKNOWN = Answer(None, math.nan, None)


def answers_of(predictions: pd.DataFrame, task: str) -> dict[tuple[str, str], Answer]:
    """Derive from the predictions {(case, model class): answer}.

    Args:
        predictions: long form: case, class, label (0/1, NaN if uncertain), probability.
        task: `multiclass` (the most probable class is predicted; among ties, the first one) or
            `multilabel` (each class with a probability of at least 0.5 is predicted).
    """
    result: dict[tuple[str, str], Answer] = {}
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
            result[str(case), name] = Answer(
                bool(predicted[index]),
                float(probability[index]),
                None if np.isnan(label[index]) else bool(correct[index]),
            )
    return result
