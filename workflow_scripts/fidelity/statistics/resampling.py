"""Compute means with intervals that account for patients, whose images are not independent.

Whole patients (clusters) are resampled. Input are numpy arrays and output are small records; this
module does not depend on tables or metrics.
"""

import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from fidelity.base.seeding import seed_for

# Number of resampling weights converted to float at a time; limits memory to about 32 MB.
CHUNK_VALUES = 4_000_000
# CheXlocalize's interval (rajpurkarlab/cheXlocalize, eval.py): replicates and 1-based positions.
ORDER_REPLICATES = 1000
ORDER_LOW, ORDER_HIGH = 25, 975


@dataclass(frozen=True)
class Interval:
    """A mean over cases with its percentile interval.

    Attributes:
        mean: mean over the defined values; nan if there are none.
        low: lower bound; nan with fewer than two clusters, where resampling is meaningless.
    """

    mean: float
    low: float
    high: float


def bootstrap_means(
    values: ArrayLike, clusters: ArrayLike, replicates: int, seed: int
) -> np.ndarray:
    """Resample clusters with replacement, and return the mean over cases of each resample.

    Undefined values (nan) are skipped. The resampling depends only on the seed and the number of
    clusters. Methods measured on the same patients are thus resampled in the same way. Cluster
    bootstrap: Davison & Hinkley 1997, section 3.8.

    Args:
        values: (n,) or (n, m), one row per case; nan if undefined.
        clusters: (n,) identifiers. Clusters are sorted, so the order of rows does not matter.

    Returns:
        (replicates, m) means (m = 1 for one-dimensional values); nan if a resample has no defined
        value.
    """
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    sums, counts = cluster_sums(values, clusters)
    weights = resampling_weights(len(sums), replicates, seed)
    means = np.empty((replicates, values.shape[1]))
    step = max(1, CHUNK_VALUES // max(1, len(sums)))
    with np.errstate(invalid="ignore", divide="ignore"):
        for start in range(0, replicates, step):
            part = weights[start : start + step].astype(float)
            means[start : start + step] = (part @ sums) / (part @ counts)
    return means


def cluster_sums(values: np.ndarray, clusters: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Sum and count the defined values of each cluster, sorted by identifier: (clusters, m) each.

    Args:
        values: (n, m); nan if undefined.
        clusters: (n,) identifiers.
    """
    _, index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    size = int(index.max(initial=-1)) + 1
    defined = ~np.isnan(values)
    sums, counts = np.zeros((size, values.shape[1])), np.zeros((size, values.shape[1]))
    np.add.at(sums, index, np.where(defined, values, 0.0))
    np.add.at(counts, index, defined)
    return sums, counts


@lru_cache(maxsize=32)
def resampling_weights(clusters: int, replicates: int, seed: int) -> np.ndarray:
    """Draw how often each cluster is in each resample: (replicates, clusters) uint16."""
    rng = np.random.default_rng(seed_for(seed, "bootstrap", clusters, replicates))
    weights = np.empty((replicates, clusters), dtype=np.uint16)
    if clusters:
        shares = np.full(clusters, 1.0 / clusters)
        for row in range(replicates):
            weights[row] = rng.multinomial(clusters, shares)
    weights.flags.writeable = False
    return weights


def mean_intervals(
    values: ArrayLike, clusters: ArrayLike, *, replicates: int, alpha: float, seed: int
) -> list[Interval]:
    """Return the mean over cases with its percentile interval for each column.

    Args:
        values: (n,) or (n, m); nan if undefined.
        clusters: (n,) identifiers.
        alpha: 1 − coverage, e.g. 0.05.
        seed: the config's seed.

    Returns:
        One Interval per column; without bounds if a value is infinite.
    """
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    means = [nan_mean(column) for column in values.T]
    infinite = np.isinf(values).any(axis=0)
    values = np.where(np.isinf(values), np.nan, values)
    sums, counts = cluster_sums(values, clusters)
    if len(sums) < 2:
        return [Interval(mean, np.nan, np.nan) for mean in means]
    replicated = bootstrap_means(values, clusters, replicates, seed)
    intervals = []
    for column, mean in enumerate(means):
        # If one cluster held all defined values, the interval would have no width.
        informative = np.count_nonzero(counts[:, column]) >= 2 and not infinite[column]
        low, high = _percentiles(replicated[:, column], alpha) if informative else (np.nan, np.nan)
        intervals.append(Interval(mean, low, high))
    return intervals


def order_statistics_intervals(
    values: ArrayLike, clusters: ArrayLike, *, seed: int
) -> list[Interval]:
    """Return CheXlocalize's interval for each column (Saporta et al. 2022, their eval.py).

    It uses 1000 resamples and the mean of each, skipping nan. The reported mean is the mean of
    these replicates. The bounds are the 25th and 975th of them in ascending order (counted from 1).

    Args:
        values: (n,) or (n, m); nan if undefined.
        clusters: (n,) identifiers of the resampled units: images, in CheXlocalize.

    Returns:
        One Interval per column; all values are nan if no value is defined.
    """
    values = np.asarray(values, dtype=float)
    if len(values) == 0:
        return [Interval(np.nan, np.nan, np.nan)] * (values.shape[1] if values.ndim > 1 else 1)
    intervals = []
    for column in bootstrap_means(values, clusters, ORDER_REPLICATES, seed).T:
        # numpy sorts nan (a resample without any defined value) to the end.
        ordered = np.sort(column)
        low, high = ordered[ORDER_LOW - 1], ordered[ORDER_HIGH - 1]
        intervals.append(Interval(nan_mean(column), float(low), float(high)))
    return intervals


def nan_mean(values: np.ndarray) -> float:
    """Return the mean of the defined values; nan, without a warning, if there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _percentiles(replicated: np.ndarray, alpha: float) -> tuple[float, float]:
    with warnings.catch_warnings():
        # A column without any defined value gives nan, as intended.
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        low, high = np.nanquantile(replicated, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)
