"""Quality measures of a classifier, and their intervals by resampling patients. No torch."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from fidelity.statistics.resampling import CHUNK_VALUES, resampling_weights

Bounds = tuple[float, float]


def quality_intervals(
    truth: np.ndarray,
    scores: np.ndarray,
    predicted: np.ndarray,
    clusters: ArrayLike,
    classes: Sequence[str],
    *,
    multilabel: bool,
    replicates: int,
    alpha: float,
    seed: int,
) -> dict[tuple[str, str], Bounds]:
    """Compute the percentile interval of every measure except the calibration error.

    Whole patients are resampled, as for the scores of explainers. For each measure, resamples in
    which it is undefined (no case of the class) are excluded.

    Args:
        truth: (n, k), 1 if a case has the class, nan if that is not known.
        scores: (n, k), probabilities.
        predicted: (n, k), 1 if the class was predicted.
        clusters: (n,) patients, or cases if cases are resampled.

    Returns:
        (class or `all`, metric) → (low, high). Both are nan if fewer than two patients contribute
        to the measure, because resampling is then meaningless.
    """
    _, index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    weights = resampling_weights(int(index.max(initial=-1)) + 1, replicates, seed)
    drawn: dict[tuple[str, str], list[np.ndarray]] = {}
    # Resamples are processed in chunks, to limit the memory.
    step = max(1, CHUNK_VALUES // max(1, len(index)))
    for start in range(0, replicates, step):
        part = weights[start : start + step][:, index].astype(float)
        for key, values in measures(part, truth, scores, predicted, classes, multilabel):
            drawn.setdefault(key, []).append(values)
    informative = _informative(truth, predicted, index, classes)
    return {
        key: _bounds(np.concatenate(values), alpha) if informative[key] else (np.nan, np.nan)
        for key, values in drawn.items()
    }


def measures(
    weights: np.ndarray,
    truth: np.ndarray,
    scores: np.ndarray,
    predicted: np.ndarray,
    classes: Sequence[str],
    multilabel: bool,
) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Compute every measure in every resample.

    Each class is compared with all other classes. Means over classes leave out classes without a
    case. In a multi-label task, accuracy is over all known pairs of case and class. For subset
    accuracy, a case is correct if all its known labels are.

    Args:
        weights: (r, n), how often each case counts.
        truth: see `quality_intervals`, also for the other arrays. A case is excluded for a class
            for which its label is nan.
        scores: (n, k).
        predicted: (n, k).
        classes: the k names.

    Yields:
        (class or `all`, metric) and values (r,), nan where undefined.
    """
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("recall", "f1", "auc", "both")}
    for cls, t, p, s in zip(classes, truth.T, predicted.T, scores.T, strict=True):
        true, false, said = t == 1, t == 0, p == 1
        hits, misses = weights @ (true & said), weights @ (true & ~said)
        alarms, passes = weights @ (false & said), weights @ (false & ~said)
        recall = _ratio(hits, hits + misses)
        of_class = {
            "precision": _ratio(hits, hits + alarms),
            "recall": recall,
            "f1": _ratio(2 * hits, 2 * hits + misses + alarms),
            "auc": _aucs(weights, true, false, s),
        }
        for name, values in of_class.items():
            yield (cls, name), values
        if true.any():
            for name in ("recall", "f1", "auc"):
                columns[name].append(of_class[name])
        if true.any() and false.any():
            columns["both"].append((recall + _ratio(passes, passes + alarms)) / 2)
    known = ~np.isnan(truth)
    right = (truth == predicted) & known
    total = weights.sum(axis=1)
    if multilabel:
        accuracy = _ratio(weights @ right.sum(axis=1), weights @ known.sum(axis=1))
        yield ("all", "subset_accuracy"), _ratio(weights @ (right | ~known).all(axis=1), total)
    else:
        accuracy = _ratio(weights @ right.all(axis=1), total)
    yield ("all", "accuracy"), accuracy
    balanced = columns["both"] if multilabel else columns["recall"]
    yield ("all", "balanced_accuracy"), _mean(balanced, len(weights))
    yield ("all", "macro_f1"), _mean(columns["f1"], len(weights))
    yield ("all", "macro_auc"), _mean(columns["auc"], len(weights))


def _aucs(
    weights: np.ndarray, true: np.ndarray, false: np.ndarray, scores: np.ndarray
) -> np.ndarray:
    """Weighted AUC of every resample: ties count one half (Mann-Whitney)."""
    known = true | false
    if not true.any() or not false.any():
        return np.full(len(weights), np.nan)
    order = np.flatnonzero(known)[np.argsort(scores[known], kind="stable")]
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    part = weights[:, order]
    positive = np.add.reduceat(part * true[order], starts, axis=1)
    negative = np.add.reduceat(part * false[order], starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return _ratio((positive * below).sum(axis=1), pairs)


def _informative(
    truth: np.ndarray, predicted: np.ndarray, index: np.ndarray, classes: Sequence[str]
) -> dict[tuple[str, str], bool]:
    """Check for each measure whether at least two clusters contribute to it."""

    def several(chosen: np.ndarray) -> bool:
        return len(np.unique(index[chosen])) > 1

    found: dict[tuple[str, str], bool] = {}
    for cls, t, p in zip(classes, truth.T, predicted.T, strict=True):
        true, said = t == 1, (p == 1) & ~np.isnan(t)
        found[cls, "recall"] = several(true)
        found[cls, "precision"] = several(said)
        found[cls, "f1"] = several(true | said)
        found[cls, "auc"] = several(true) and several(t == 0)
    found["all", "accuracy"] = found["all", "subset_accuracy"] = several(
        ~np.isnan(truth).all(axis=1)
    )
    for name, of in (("balanced_accuracy", "recall"), ("macro_f1", "f1"), ("macro_auc", "auc")):
        found["all", name] = any(found[cls, of] for cls in classes)
    return found


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def _mean(columns: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Mean over classes; classes for which a resample is undefined are left out."""
    if not columns:
        return np.full(length, np.nan)
    values = np.stack(columns)
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(axis=0), defined.sum(axis=0))


def _bounds(values: np.ndarray, alpha: float) -> Bounds:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return np.nan, np.nan
    low, high = np.quantile(defined, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)
