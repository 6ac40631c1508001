"""Intervals and tests that respect patients: a patient's images are not independent of each other.

Everything is resampled, tested and corrected with patients (clusters) as the unit. Numpy's arrays
in, small records out; nothing here knows tables or metrics.
"""

import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from fidelity.seeding import seed_for

# Rows of resampling weights turned to float at a time: bounds memory at some 32 MB.
CHUNK_VALUES = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A mean over cases with its percentile interval.

    Attributes:
        mean: mean over the defined values; nan if there is none.
        low: lower bound; nan with fewer than two clusters, where resampling says nothing.
        high: upper bound, as `low`.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A paired comparison of two methods on the same cases.

    Attributes:
        n: pairs of which both values are defined.
        n_clusters: clusters (patients) with at least one such pair.
        mean_difference: mean over clusters of the cluster's mean of a − b.
        low: lower bound of the percentile interval of the mean difference.
        high: upper bound.
        effect_size: matched-pairs rank-biserial correlation in [−1, 1]; 1 if a is always larger.
        p_value: two-sided Wilcoxon signed-rank test over clusters; 1 if no cluster differs.
    """

    n: int
    n_clusters: int
    mean_difference: float
    low: float
    high: float
    effect_size: float
    p_value: float


def bootstrap_means(
    values: ArrayLike, clusters: ArrayLike, replicates: int, seed: int
) -> np.ndarray:
    """Resample clusters with replacement and take the nan-skipping mean over cases each time.

    The resampling depends on the seed and the number of clusters alone, so that methods measured on
    the same patients are resampled alike. Cluster bootstrap: Davison & Hinkley 1997, section 3.8.

    Args:
        values: (n,) or (n, m), one row per case, nan = undefined.
        clusters: (n,) identifiers; clusters are taken in sorted order, so row order is irrelevant.
        replicates: number of resamples.
        seed: the config's seed.

    Returns:
        (replicates, m) means (m = 1 for one-dimensional values); nan where a resample holds no
        defined value.
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
    """Sum the defined values, and count them, per cluster.

    Args:
        values: (n, m), nan = undefined.
        clusters: (n,) identifiers.

    Returns:
        Sums and counts, each (clusters, m), in sorted order of the identifiers.
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
    """Draw how often each cluster enters each resample: (replicates, clusters) uint16."""
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
    """Give the mean over cases and its percentile interval for each column.

    Args:
        values: (n,) or (n, m), nan = undefined.
        clusters: (n,) identifiers.
        replicates: number of bootstrap resamples.
        alpha: 1 − coverage, e.g. 0.05.
        seed: the config's seed.

    Returns:
        One Interval per column.
    """
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    means = [nan_mean(column) for column in values.T]
    sums, counts = cluster_sums(values, clusters)
    if len(sums) < 2:
        return [Interval(mean, np.nan, np.nan) for mean in means]
    replicated = bootstrap_means(values, clusters, replicates, seed)
    intervals = []
    for column, mean in enumerate(means):
        # With one cluster holding all defined values the interval would have no width.
        informative = np.count_nonzero(counts[:, column]) >= 2
        low, high = _percentiles(replicated[:, column], alpha) if informative else (np.nan, np.nan)
        intervals.append(Interval(mean, low, high))
    return intervals


def paired_comparison(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike,
    *,
    replicates: int,
    alpha: float,
    seed: int,
) -> Comparison:
    """Compare two methods on the same cases, with clusters as the unit of the test.

    Args:
        a: (n,) values of the first method, nan = undefined.
        b: (n,) values of the second, same cases in the same order.
        clusters: (n,) identifiers.
        replicates: number of bootstrap resamples.
        alpha: 1 − coverage of the interval.
        seed: the config's seed.

    Returns:
        The comparison over pairs of which both values are defined; nan throughout if there is none.
        Wilcoxon's test is scipy's with zero differences dropped; the effect size is the
        matched-pairs rank-biserial correlation (Kerby 2014).
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    defined = ~np.isnan(difference)
    difference = difference[defined]
    sums, counts = cluster_sums(difference[:, None], np.asarray(clusters, dtype=str)[defined])
    if len(sums) == 0:
        return Comparison(0, 0, np.nan, np.nan, np.nan, np.nan, np.nan)
    per_cluster = (sums / counts)[:, 0]
    interval = mean_intervals(
        per_cluster, np.arange(len(per_cluster)), replicates=replicates, alpha=alpha, seed=seed
    )[0]
    return Comparison(
        n=int(defined.sum()),
        n_clusters=len(per_cluster),
        mean_difference=interval.mean,
        low=interval.low,
        high=interval.high,
        effect_size=rank_biserial(per_cluster),
        p_value=wilcoxon_p(per_cluster),
    )


def wilcoxon_p(differences: np.ndarray) -> float:
    """Test whether differences are symmetric about zero (Wilcoxon signed rank, two-sided).

    Args:
        differences: (n,) finite; zeros are dropped.

    Returns:
        The p value, exact for up to 50 differences without ties; 1 if all are zero.
    """
    nonzero = differences[differences != 0]
    return float(stats.wilcoxon(nonzero).pvalue) if len(nonzero) else 1.0


def rank_biserial(differences: np.ndarray) -> float:
    """Give the matched-pairs rank-biserial correlation (R⁺ − R⁻) / (R⁺ + R⁻), Kerby 2014.

    Args:
        differences: (n,) finite; zeros are dropped.

    Returns:
        A value in [−1, 1]; 0 if all are zero.
    """
    nonzero = differences[differences != 0]
    if len(nonzero) == 0:
        return 0.0
    ranks = stats.rankdata(np.abs(nonzero))
    return float(np.sum(np.sign(nonzero) * ranks) / np.sum(ranks))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjust p values for their number by Holm's step-down method (Holm 1979).

    Equal to statsmodels' `multipletests(p, method="holm")` (tested), which collects all garbage of
    the process in each call: 90 ms, where a study makes hundreds.

    Args:
        p_values: (n,); nan = no test was possible, which does not count.

    Returns:
        (n,) adjusted p values, nan where the input is.
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(p_values.shape, np.nan)
    tested = ~np.isnan(p_values)
    order = np.argsort(p_values[tested])
    stepped = p_values[tested][order] * np.arange(len(order), 0, -1)
    result = np.empty(len(order))
    result[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    adjusted[tested] = result
    return adjusted


def nan_mean(values: np.ndarray) -> float:
    """Mean of the defined values; nan, without a warning, if there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _percentiles(replicated: np.ndarray, alpha: float) -> tuple[float, float]:
    with warnings.catch_warnings():
        # A column without any defined value gives nan, which is what is meant.
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        low, high = np.nanquantile(replicated, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)
