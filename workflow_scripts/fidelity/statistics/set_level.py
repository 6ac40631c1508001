"""Values of a whole set of images, their intervals and paired differences.

Such a value is not a mean over images. Examples are an area under a curve over all boxes, and the
accuracy at the best common threshold. So it is recomputed for each resample of patients. There are
no tests: they need a value per patient.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fidelity.statistics.resampling import CHUNK_VALUES, Interval, resampling_weights

# (r, n): how often each of n images counts in each of r resamples → (r,) values; NaN if undefined.
SetValue = Callable[[np.ndarray], np.ndarray]


def of_sums(values: np.ndarray, formula: Callable[[np.ndarray], np.ndarray]) -> SetValue:
    """Make a function of what is added over images.

    Args:
        values: (n, m), of each image.
        formula: (r, m) sums → (r,) values.
    """
    values = np.asarray(values, np.float64)
    return lambda weights: formula(weights @ values)


def ratio(part: np.ndarray, whole: np.ndarray) -> SetValue:
    """Make a function: the sum of one count (n,) over the sum of another; NaN over nothing."""

    def formula(sums: np.ndarray) -> np.ndarray:
        counted, total = sums.T
        return np.divide(counted, total, out=np.full(len(sums), np.nan), where=total > 0)

    return of_sums(np.stack([part, whole], axis=1), formula)


@dataclass(frozen=True)
class SetResult:
    """A value of a set with its percentile interval.

    Attributes:
        replicates: (r,) of its resamples; empty with fewer than two patients.
    """

    value: float
    replicates: np.ndarray

    def interval(self, alpha: float) -> Interval:
        """Give the value with its percentile interval; without bounds if too little is defined."""
        defined = self.replicates[~np.isnan(self.replicates)]
        if not len(defined) or np.isnan(self.value):
            return Interval(self.value, np.nan, np.nan)
        low, high = np.quantile(defined, [alpha / 2, 1 - alpha / 2])
        return Interval(self.value, float(low), float(high))

    def minus(self, other: "SetResult") -> "SetResult":
        """Give the paired difference to another result of the same patients and seed.

        Without replicates of one of them, it has no interval.
        """
        if len(self.replicates) != len(other.replicates):
            return SetResult(self.value - other.value, np.empty(0))
        return SetResult(self.value - other.value, self.replicates - other.replicates)


def set_result(value: SetValue, clusters: ArrayLike, replicates: int, seed: int) -> SetResult:
    """Compute a value of a set and of its resamples of patients.

    Args:
        clusters: (n,) identifiers of patients, in the order of the images; resampled whole, as
            `resampling.bootstrap_means` does.
        seed: the config's; with it and the number of patients the resamples are the same.
    """
    _, index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    count = int(index.max(initial=-1)) + 1
    whole = float(value(np.ones((1, len(index))))[0])
    if count < 2:
        return SetResult(whole, np.empty(0))
    weights = resampling_weights(count, replicates, seed)
    step = max(1, CHUNK_VALUES // len(index))
    parts = [
        value(weights[start : start + step][:, index].astype(np.float64))
        for start in range(0, replicates, step)
    ]
    return SetResult(whole, np.concatenate(parts))
