"""How well a classifier separates the classes, from its predictions alone. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sklearn

from fidelity.analysis.columns.classifiers import (
    CALIBRATION,
    CLASS_ORDER,
    CLASSIFICATION,
    CONFUSION,
)
from fidelity.base.errors import InputError
from fidelity.classifiers.evaluation.class_order import class_order
from fidelity.classifiers.evaluation.intervals import quality_intervals

BINS = 15
CHANCE_AUC = 0.5


@dataclass(frozen=True)
class Evaluation:
    """The tables on one classifier, with the columns of this module.

    Attributes:
        classification: measures with intervals and chance.
        confusion: counts of true against predicted.
        calibration: reliability bins.
        order: which class every output fits, the columns of CLASS_ORDER.
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
    seed: int,
    outputs: Sequence[str] = (),
) -> Evaluation:
    """Evaluate one classifier on every split.

    Args:
        predictions: as `predictions.read_predictions` returns it.
        dataset: written into the first column.
        classifier: written into the third column.
        task: `multiclass` or `multilabel`, as in classes.json. Of multilabel cases the labels that
            are uncertain count in no metric; `n` is the number of cases that count.
        statistics: replicates, alpha, cluster (`patient` or `case`) of the intervals.
        seed: the config's seed.
        outputs: class names of the network's outputs, in its order; empty where the order of the
            classes is right by construction (trained in this study): `order` is then empty.

    Returns:
        The tables. Undefined values (AUC of a single class, precision of a class never predicted)
        are NaN, and so are intervals over fewer than two patients.

    Raises:
        InputError: a case lacks a class or has it twice.
    """
    classes = list(dict.fromkeys(predictions["class"]))
    if predictions.duplicated(["case", "class"]).any():
        raise InputError("a case has two predictions for one class", field=classifier)
    per_case = predictions.groupby("case", sort=False)
    if (per_case.size() != len(classes)).any():
        raise InputError("a case lacks a prediction for a class", field=classifier)
    multilabel = task == "multilabel"
    if not multilabel and (per_case["label"].sum() != 1).any():
        raise InputError(
            "a case does not have exactly one class, but the classes exclude each other",
            field=classifier,
            remedy="Delete the predictions and run again",
        )
    classification, confusion, calibration, orders = [], [], [], []
    for split in dict.fromkeys(predictions["split"]):
        part = predictions[predictions["split"] == split]
        tables = [
            part.pivot(index="case", columns="class", values=name)[classes]
            for name in ("label", "probability")
        ]
        truth, scores = (table.to_numpy() for table in tables)
        patients = part.drop_duplicates("case").set_index("case")["patient"][tables[0].index]
        head = {"dataset": dataset, "split": split, "classifier": classifier}
        predicted = _predicted(scores, multilabel)
        bounds = quality_intervals(
            truth,
            scores,
            predicted,
            patients if statistics["cluster"] == "patient" else patients.index,
            classes,
            multilabel=multilabel,
            replicates=statistics["replicates"],
            alpha=statistics["alpha"],
            seed=seed,
        )
        known = {cls: patients[~np.isnan(truth[:, place])] for place, cls in enumerate(classes)}
        rate = _multilabel if multilabel else _multiclass
        for cls, metric, value, n in rate(truth, scores, predicted, classes):
            low, high = bounds.get((cls, metric), (np.nan, np.nan))
            classification.append(
                head
                | {
                    "class": cls,
                    "metric": metric,
                    "value": float(value),
                    "ci_low": low,
                    "ci_high": high,
                    "chance": chance_of(metric, len(classes), multilabel=multilabel),
                    "n": int(n),
                    "n_patients": known.get(cls, patients).nunique(),
                }
            )
        for true, said, n in _confusion(truth, scores, classes, multilabel):
            confusion.append(head | {"true": true, "predicted": said, "n": int(n)})
        for row in reliability(*_confidence(truth, scores, multilabel)).to_dict("records"):
            calibration.append(head | row)
        if outputs:
            table = class_order(truth, scores, classes, outputs)
            orders += [head | row for row in table.to_dict("records")]
    return Evaluation(
        CLASSIFICATION.frame(classification),
        CONFUSION.frame(confusion),
        CALIBRATION.frame(calibration),
        CLASS_ORDER.frame(orders),
    )


def chance_of(metric: str, classes: int, *, multilabel: bool) -> float:
    """Give the value of a measure that needs no knowledge of the image.

    Args:
        metric: name in classification.csv.
        classes: that the classifier tells apart, those without a case in the split too.
        multilabel: each class is then a question of its own, with two answers.

    Returns:
        .5 for an AUC; 1/k for balanced accuracy (.5 in a multi-label task); nan for measures whose
        chance depends on how common the classes are.
    """
    if metric in ("auc", "macro_auc"):
        return CHANCE_AUC
    if metric == "balanced_accuracy" and classes:
        return 0.5 if multilabel else 1 / classes
    return float("nan")


def _predicted(scores: np.ndarray, multilabel: bool) -> np.ndarray:
    """Give 1 where a class is predicted: at .5 or more, or the one of highest probability."""
    if multilabel:
        return (scores >= 0.5).astype(int)
    return np.eye(scores.shape[1], dtype=int)[scores.argmax(axis=1)]


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Group predictions by confidence.

    Args:
        confidence: (n,) in [0, 1].
        correct: (n,) 0 or 1.
        bins: of equal width; a bin holds low < confidence <= high, the first also 0.

    Returns:
        bin_low, bin_high, n, confidence (mean), accuracy (mean of correct); means NaN where n = 0.
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
        In [0, 1]; NaN for no predictions.
    """
    if len(confidence) == 0:
        return float("nan")
    table = reliability(confidence, correct, bins)
    table = table[table["n"] > 0]
    gaps = (table["confidence"] - table["accuracy"]).abs()
    return float((gaps * table["n"]).sum() / table["n"].sum())


Row = tuple[str, str, float, int]


def _multiclass(
    truth: np.ndarray, scores: np.ndarray, predicted: np.ndarray, classes: Sequence[str]
) -> list[Row]:
    """Rate argmax predictions; macro means leave out classes without a case."""
    rows, means = _per_class(truth, predicted, scores, classes)
    n = len(truth)
    overall: list[Row] = [
        ("all", "accuracy", float(np.mean((truth == predicted).all(axis=1))), n),
        ("all", "balanced_accuracy", means["recall"], n),
        ("all", "macro_f1", means["f1"], n),
        ("all", "macro_auc", means["auc"], n),
        ("all", "ece", calibration_error(*_confidence(truth, scores, False)), n),
    ]
    return overall + rows


def _multilabel(
    truth: np.ndarray, scores: np.ndarray, predicted: np.ndarray, classes: Sequence[str]
) -> list[Row]:
    """Rate each class at probability 0.5 or more; accuracy is over all known case-class pairs.

    A case is right as a whole (subset accuracy) if all its known labels are.
    """
    rows, means = _per_class(truth, predicted, scores, classes)
    n, known = len(truth), ~np.isnan(truth)
    right = truth == predicted
    balanced = [
        np.mean([np.mean(p[t == value] == value) for value in (0, 1)])
        for t, p in zip(truth.T, predicted.T, strict=True)
        if (t == 0).any() and (t == 1).any()
    ]
    accuracy = float(right[known].mean()) if known.any() else float("nan")
    overall: list[Row] = [
        ("all", "accuracy", accuracy, n),
        ("all", "subset_accuracy", float(np.mean((right | ~known).all(axis=1))), n),
        ("all", "balanced_accuracy", float(np.mean(balanced)) if balanced else float("nan"), n),
        ("all", "macro_f1", means["f1"], n),
        ("all", "macro_auc", means["auc"], n),
        ("all", "ece", calibration_error(*_confidence(truth, scores, True)), n),
    ]
    return overall + rows


def _per_class(
    truth: np.ndarray, predicted: np.ndarray, scores: np.ndarray, classes: Sequence[str]
) -> tuple[list[Row], dict[str, float]]:
    """Rate every class against the rest; also return means over the classes with a case.

    NaN in `truth` is an uncertain label: the case does not count for that class.
    """
    known = ~np.isnan(truth)
    counts = known.sum(axis=0)
    columns = zip(truth.T, predicted.T, scores.T, known.T, strict=True)
    quality = np.array([_binary(t[k], p[k], s[k]) for t, p, s, k in columns])
    precision, recall, f1, support, auc = quality.T
    rows: list[Row] = []
    for index, cls in enumerate(classes):
        n = counts[index]
        rows += [
            (cls, "precision", precision[index], n),
            (cls, "recall", recall[index], n),
            (cls, "f1", f1[index], n),
            (cls, "auc", auc[index], n),
            (cls, "support", support[index], n),
        ]
    present = support > 0
    means = {}
    for name, values in (("recall", recall), ("f1", f1), ("auc", auc)):
        usable = values[present & ~np.isnan(values)]
        means[name] = float(usable.mean()) if len(usable) else float("nan")
    return rows, means


def _binary(
    truth: np.ndarray, predicted: np.ndarray, scores: np.ndarray
) -> tuple[float, float, float, float, float]:
    """Rate one class: precision, recall, F1, number of positives, AUC; NaN where undefined."""
    positives = float(truth.sum())
    if len(truth) == 0:
        return (*[float("nan")] * 3, 0.0, float("nan"))
    rates = sklearn.metrics.precision_recall_fscore_support(
        truth, predicted, average=None, labels=[1], zero_division=np.nan
    )[:3]
    both = 0 < positives < len(truth)
    auc = sklearn.metrics.roc_auc_score(truth, scores) if both else float("nan")
    return (*(float(rate[0]) for rate in rates), positives, float(auc))


def _confidence(
    truth: np.ndarray, scores: np.ndarray, multilabel: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return confidences and whether they came true.

    Multi-class: probability of the top class (Guo et al. 2017). Multi-label: probability of each
    class in each case, against its label where that is known.
    """
    if multilabel:
        known = ~np.isnan(truth)
        return scores[known], truth[known]
    return scores.max(axis=1), (scores.argmax(axis=1) == truth.argmax(axis=1)).astype(int)


def _confusion(
    truth: np.ndarray, scores: np.ndarray, classes: Sequence[str], multilabel: bool
) -> list[tuple[str, str, int]]:
    """Count true against predicted; for multi-label each class against "not <class>"."""
    if not multilabel:
        labels = list(range(len(classes)))
        matrix = sklearn.metrics.confusion_matrix(
            truth.argmax(axis=1), scores.argmax(axis=1), labels=labels
        )
        return [(classes[i], classes[j], matrix[i, j]) for i in labels for j in labels]
    rows = []
    for cls, t, s in zip(classes, truth.T, scores.T, strict=True):
        names = (f"not {cls}", cls)
        known = ~np.isnan(t)
        matrix = _counts(t[known], s[known] >= 0.5)
        rows += [(names[i], names[j], matrix[i, j]) for i in (1, 0) for j in (1, 0)]
    return rows


def _counts(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count (true, predicted) pairs of 0 and 1: (2, 2)."""
    pairs = 2 * truth.astype(int) + predicted.astype(int)
    return np.bincount(pairs, minlength=4).reshape(2, 2)
