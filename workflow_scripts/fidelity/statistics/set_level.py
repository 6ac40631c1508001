"""Compute values of a whole set of images, with intervals and paired differences.

Such a value is not a mean over images. Examples are an area under a curve over all boxes, and the
accuracy at the best common threshold. It is therefore recomputed for each resample of patients.
There are no tests, because these need a value per patient.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fidelity.statistics.resampling import CHUNK_VALUES, Interval, resampling_weights

# Weights (r, n), the number of times that each of n images is in each of r resamples → (r,) values;
# NaN if undefined.
SetValue = Callable[[np.ndarray], np.ndarray]


def of_sums(values: np.ndarray, formula: Callable[[np.ndarray], np.ndarray]) -> SetValue:
    """Make a SetValue from a formula of sums over images.

    Args:
        values: (n, m), values of each image.
        formula: sums (r, m) → values (r,).
    """
    values = np.asarray(values, np.float64)
    return lambda weights: formula(weights @ values)


def ratio(part: np.ndarray, whole: np.ndarray) -> SetValue:
    """Make a SetValue: the sum of `part` (n,) over the sum of `whole`; NaN if that is 0."""

    def formula(sums: np.ndarray) -> np.ndarray:
        counted, total = sums.T
        return np.divide(counted, total, out=np.full(len(sums), np.nan), where=total > 0)

    return of_sums(np.stack([part, whole], axis=1), formula)


@dataclass(frozen=True)
class SetResult:
    """A value of a set, with its replicates for a percentile interval.

    Attributes:
        replicates: (r,) values of the resamples; empty with fewer than two patients.
    """

    value: float
    replicates: np.ndarray

    def interval(self, alpha: float) -> Interval:
        """Return the value with its percentile interval; without bounds if nothing is defined."""
        defined = self.replicates[~np.isnan(self.replicates)]
        if not len(defined) or np.isnan(self.value):
            return Interval(self.value, np.nan, np.nan)
        low, high = np.quantile(defined, [alpha / 2, 1 - alpha / 2])
        return Interval(self.value, float(low), float(high))

    def minus(self, other: "SetResult") -> "SetResult":
        """Return the paired difference to another result with the same patients and seed.

        If one of the two has no replicates, the difference has no interval.
        """
        if len(self.replicates) != len(other.replicates):
            return SetResult(self.value - other.value, np.empty(0))
        return SetResult(self.value - other.value, self.replicates - other.replicates)


def set_result(value: SetValue, clusters: ArrayLike, replicates: int, seed: int) -> SetResult:
    """Compute a value for a set and for its resamples of patients.

    Args:
        clusters: (n,) identifiers of patients, in the order of the images. Whole patients are
            resampled, as in `resampling.bootstrap_means`.
        seed: the config's seed; with the number of patients, it determines the resamples.
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
