"""Evaluate how well a classifier separates the classes, from its predictions only. No torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.classifiers import (
    CALIBRATION,
    CLASS_ORDER,
    CLASSIFICATION,
    CONFUSION,
)
from fidelity.base.errors import InputError
from fidelity.classifiers.evaluation.class_order import class_order
from fidelity.classifiers.evaluation.intervals import measures, quality_intervals

BINS = 15
CHANCE_AUC = 0.5
# Measures in the order of the table.
OVERALL = ("accuracy", "subset_accuracy", "balanced_accuracy", "macro_f1", "macro_auc", "ece")
BY_CLASS = ("precision", "recall", "f1", "auc", "support")


@dataclass(frozen=True)
class Evaluation:
    """The evaluation tables of one classifier, with the columns of this module.

    Attributes:
        order: the class that every output fits, with the columns CLASS_ORDER.
    """

    classification: pd.DataFrame
    confusion: pd.DataFrame
    calibration: pd.DataFrame
    order: pd.DataFrame


def evaluate(
    predictions: pd.DataFrame,
    dataset: str,
    classifier: str,
    task: str,
    *,
    statistics: Mapping[str, Any],
    outputs: Sequence[str] = (),
) -> Evaluation:
    """Evaluate one classifier on every split.

    Args:
        task: `multiclass` or `multilabel`, as in classes.json. In multilabel tasks, uncertain
            labels are excluded from every metric; `n` is the number of cases that are included.
        outputs: class names of the network's outputs, in its order. Empty if the order of the
            classes is correct by construction (trained in this study); `order` is then empty too.

    Returns:
        The tables. Undefined values (AUC of a single class, precision of a class never predicted)
        are NaN, and so are intervals over fewer than two patients.

    Raises:
        InputError: a case lacks a class or has it twice.
    """
    classes = _checked_classes(predictions, classifier, task)
    classification, confusion, calibration, orders = [], [], [], []
    for split in dict.fromkeys(predictions["split"]):
        part = _Split.of(predictions[predictions["split"] == split], classes, task == "multilabel")
        head = {"dataset": dataset, "split": split, "classifier": classifier}
        classification += [head | row for row in part.rated(statistics)]
        confusion += [head | row for row in part.confusion()]
        table = reliability(*part.confidence())
        calibration += [head | row for row in table.to_dict("records")]
        if outputs:
            table = class_order(part.truth, part.scores, classes, outputs)
            orders += [head | row for row in table.to_dict("records")]
    return Evaluation(
        CLASSIFICATION.frame(classification),
        CONFUSION.frame(confusion),
        CALIBRATION.frame(calibration),
        CLASS_ORDER.frame(orders),
    )


def _checked_classes(predictions: pd.DataFrame, classifier: str, task: str) -> list[str]:
    """Return the classes; raise InputError unless every case has each class once."""
    classes = list(dict.fromkeys(predictions["class"]))
    if predictions.duplicated(["case", "class"]).any():
        raise InputError(
            "a case has two predictions for the same class",
            field=classifier,
            remedy="Delete the predictions and run again",
        )
    per_case = predictions.groupby("case", sort=False)
    if (per_case.size() != len(classes)).any():
        raise InputError(
            "a case has no prediction for one of the classes",
            field=classifier,
            remedy="Delete the predictions and run again",
        )
    if task != "multilabel" and (per_case["label"].sum() != 1).any():
        raise InputError(
            "a case does not have exactly one class, but the classes exclude each other",
            field=classifier,
            remedy="Delete the predictions and run again",
        )
    return classes


@dataclass(frozen=True)
class _Split:
    """The predictions for n cases of a split and k classes.

    Attributes:
        truth: (n, k), 1 if the case has the class, nan if that is uncertain, else 0.
        scores: (n, k) probabilities.
        patients: patients of the cases; the index holds the cases.
    """

    truth: np.ndarray
    scores: np.ndarray
    patients: pd.Series
    classes: list[str]
    multilabel: bool

    @classmethod
    def of(cls, rows: pd.DataFrame, classes: list[str], multilabel: bool) -> "_Split":
        """Select the rows of one split."""
        truth, scores = (
            rows.pivot(index="case", columns="class", values=name)[classes]
            for name in ("label", "probability")
        )
        patients = rows.drop_duplicates("case").set_index("case")["patient"][truth.index]
        return cls(truth.to_numpy(), scores.to_numpy(), patients, classes, multilabel)

    def rated(self, statistics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Return every measure with its interval, and the number of cases that are included."""
        predicted = _predicted(self.scores, self.multilabel)
        given = self.truth, self.scores, predicted
        patients = self.patients
        bounds = quality_intervals(
            *given,
            patients if statistics["cluster"] == "patient" else patients.index,
            self.classes,
            multilabel=self.multilabel,
            replicates=statistics["replicates"],
            alpha=statistics["alpha"],
            seed=statistics["seed"],
        )
        once = np.ones((1, len(self.truth)))
        every = measures(once, *given, self.classes, self.multilabel)
        values = {key: float(found[0]) for key, found in every}
        values["all", "ece"] = calibration_error(*self.confidence())
        known = dict(zip(self.classes, ~np.isnan(self.truth.T), strict=True))
        for cls, column in zip(self.classes, self.truth.T, strict=True):
            values[cls, "support"] = float(np.nansum(column))
        listed = [("all", name) for name in OVERALL if ("all", name) in values]
        listed += [(cls, name) for cls in self.classes for name in BY_CLASS]
        for cls, metric in listed:
            counted = patients[known[cls]] if cls in known else patients
            low, high = bounds.get((cls, metric), (np.nan, np.nan))
            yield {
                "class": cls,
                "metric": metric,
                "value": values[cls, metric],
                "ci_low": low,
                "ci_high": high,
                "chance": chance_of(metric, len(self.classes), multilabel=self.multilabel),
                "n": len(counted),
                "n_patients": counted.nunique(),
            }

    def confidence(self) -> tuple[np.ndarray, np.ndarray]:
        """Return confidences and whether the predictions were correct.

        Multi-class: probability of the top class (Guo et al. 2017). Multi-label: probability of
        each class in each case, compared with its label if that is known.
        """
        truth, scores = self.truth, self.scores
        if self.multilabel:
            known = ~np.isnan(truth)
            return scores[known], truth[known]
        return scores.max(axis=1), (scores.argmax(axis=1) == truth.argmax(axis=1)).astype(int)

    def confusion(self) -> Iterator[dict[str, Any]]:
        """Count true and predicted classes; for multi-label, each class against "not <class>"."""
        if not self.multilabel:
            size = len(self.classes)
            counts = _counts(self.truth.argmax(axis=1), self.scores.argmax(axis=1), size)
            yield from _counted(counts, self.classes, range(size))
            return
        for cls, t, s in zip(self.classes, self.truth.T, self.scores.T, strict=True):
            known = ~np.isnan(t)
            counts = _counts(t[known].astype(int), s[known] >= 0.5, 2)
            yield from _counted(counts, (f"not {cls}", cls), (1, 0))


def chance_of(metric: str, classes: int, *, multilabel: bool) -> float:
    """Return the value that a measure has without any knowledge of the image.

    Args:
        metric: name in classification.csv.
        classes: number of classes of the classifier, including those without a case in the split.
        multilabel: whether each class is a separate question with two answers.

    Returns:
        .5 for an AUC; 1/k for balanced accuracy (.5 in a multi-label task); nan for measures whose
        chance value depends on the class frequencies.
    """
    if metric in ("auc", "macro_auc"):
        return CHANCE_AUC
    if metric == "balanced_accuracy" and classes:
        return 0.5 if multilabel else 1 / classes
    return float("nan")


def _predicted(scores: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return 1 for predicted classes: probability at least .5, or the highest one (multi-class)."""
    if multilabel:
        return (scores >= 0.5).astype(int)
    return np.eye(scores.shape[1], dtype=int)[scores.argmax(axis=1)]


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Group predictions by confidence.

    Args:
        confidence: (n,) in [0, 1].
        correct: (n,) 0 or 1.
        bins: number of bins of equal width. A bin contains low < confidence <= high; the first one
            also contains 0.

    Returns:
        bin_low, bin_high, n, confidence (mean), accuracy (mean of correct); means are NaN if n = 0.
    """
    edges = np.linspace(0, 1, bins + 1)
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    sums = [np.bincount(index, values, minlength=bins) for values in (confidence, correct)]
    means = [np.divide(s, counts, out=np.full(bins, np.nan), where=counts > 0) for s in sums]
    return pd.DataFrame(
        {
            "bin_low": edges[:-1],
            "bin_high": edges[1:],
            "n": counts,
            "confidence": means[0],
            "accuracy": means[1],
        }
    )


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): mean over predictions of their bin's gap.

    Returns:
        In [0, 1]; NaN without predictions.
    """
    if len(confidence) == 0:
        return float("nan")
    table = reliability(confidence, correct, bins)
    table = table[table["n"] > 0]
    gaps = (table["confidence"] - table["accuracy"]).abs()
    return float((gaps * table["n"]).sum() / table["n"].sum())


def _counted(
    counts: np.ndarray, names: Sequence[str], order: Sequence[int]
) -> Iterator[dict[str, Any]]:
    for true in order:
        for said in order:
            n = int(counts[true, said])
            yield {"true": names[true], "predicted": names[said], "n": n}


def _counts(truth: np.ndarray, predicted: np.ndarray, size: int) -> np.ndarray:
    """Count (true, predicted) pairs of numbers below `size`: (size, size)."""
    return np.bincount(size * truth + predicted, minlength=size**2).reshape(size, size)
