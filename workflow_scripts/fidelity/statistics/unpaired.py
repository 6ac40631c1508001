"""Comparisons of two independent samples: difference of means with interval, rank-sum test.

A column is one comparison. A row is one unit of analysis (a patient, or an image if patients have
only one).
"""

from dataclasses import dataclass

import numpy as np
import scipy

from fidelity.base.seeding import seed_for
from fidelity.statistics.resampling import bootstrap_means, nan_mean


@dataclass(frozen=True)
class UnpairedTests:
    """Comparisons of two samples a and b, one element per column.

    Attributes:
        n_a, n_b: number of units with a value.
        mean_a, mean_b: nan if no value is defined.
        low: lower bound of the percentile interval of the difference; nan with fewer than two units
            in a or b, or with an infinite value.
        effect_size: rank-biserial correlation in [−1, 1] (Wendt 1972); 1 if all values of a are
            above all values of b.
        p_value: two-sided Mann-Whitney U test; nan if a or b has no value.
    """

    n_a: np.ndarray
    n_b: np.ndarray
    mean_a: np.ndarray
    mean_b: np.ndarray
    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    effect_size: np.ndarray
    p_value: np.ndarray


def unpaired_tests(
    a: np.ndarray, b: np.ndarray, *, replicates: int, alpha: float, seed: int
) -> UnpairedTests:
    """Compare each column of a with the same column of b.

    Args:
        a: (units of a, columns); nan if undefined.
        b: (units of b, columns); its units differ from those of a.
        replicates: number of bootstrap resamples, drawn from a and b independently.
    """
    columns = a.shape[1]
    samples = [a, b]
    n_a, n_b = (np.count_nonzero(~np.isnan(values), axis=0) for values in samples)
    mean_a, mean_b = (np.array([nan_mean(column) for column in values.T]) for values in samples)
    infinite = np.isinf(a).any(axis=0) | np.isinf(b).any(axis=0)
    drawn = [
        bootstrap_means(
            np.where(np.isinf(values), np.nan, values), np.arange(len(values)), replicates, own
        )
        # With the same seed, samples of equal size would be resampled in the same way.
        for values, own in zip(samples, (seed, seed_for(seed, "second sample")), strict=True)
    ]
    low, high, effect_size, p_value = np.full((4, columns), np.nan)
    for column in np.flatnonzero((n_a > 0) & (n_b > 0)):
        in_a, in_b = (values[~np.isnan(values[:, column]), column] for values in samples)
        test = scipy.stats.mannwhitneyu(in_a, in_b)
        p_value[column] = test.pvalue
        effect_size[column] = 2 * test.statistic / (len(in_a) * len(in_b)) - 1
        if min(len(in_a), len(in_b)) > 1 and not infinite[column]:
            low[column], high[column] = np.nanquantile(
                drawn[0][:, column] - drawn[1][:, column], [alpha / 2, 1 - alpha / 2]
            )
    with np.errstate(invalid="ignore"):
        difference = mean_a - mean_b
    return UnpairedTests(n_a, n_b, mean_a, mean_b, difference, low, high, effect_size, p_value)
