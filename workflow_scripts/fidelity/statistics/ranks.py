"""Rank several methods on the same units: Friedman's test, Nemenyi's critical difference."""

from dataclasses import dataclass

import numpy as np
import scipy

FEWEST_METHODS = 3
# Decimals of a value, as a share of the largest one, that are more than rounding errors.
DECIMALS = 12


@dataclass(frozen=True)
class Ranking:
    """Ranks of several methods.

    Attributes:
        n: number of units on which all methods have a value.
        mean_ranks: (methods,) mean rank over units; 1 is best; nan if there is no unit.
        statistic: Friedman's χ²; nan with fewer than three methods or two units.
        p_value: p value of the statistic; 1 if all methods are equal on every unit.
        critical_difference: minimum difference of mean ranks that is significant (Nemenyi); nan
            with fewer than two methods or two units.
    """

    n: int
    mean_ranks: np.ndarray
    statistic: float
    p_value: float
    critical_difference: float


def rank_methods(values: np.ndarray, *, higher_is_better: bool, alpha: float) -> Ranking:
    """Rank methods within each unit and test whether their mean ranks differ.

    Args:
        values: (units, methods); units with a nan are left out.
        higher_is_better: direction of the values; ties get the mean of their ranks.

    Returns:
        The ranking. Friedman's test (1937) is scipy's, with its correction for ties. The critical
        difference follows Demšar (2006).
    """
    values = np.asarray(values, dtype=float)
    complete = values[~np.isnan(values).any(axis=1)]
    n, methods = complete.shape
    if n == 0:
        return Ranking(0, np.full(methods, np.nan), np.nan, np.nan, np.nan)
    # Equal means of different values differ by rounding errors, which must not break ties.
    scale = np.abs(complete[np.isfinite(complete)]).max(initial=0) or 1
    rounded = np.round(complete / scale, DECIMALS)
    ranks = scipy.stats.rankdata(-rounded if higher_is_better else rounded, axis=1)
    statistic = p_value = difference = float("nan")
    if n > 1 and methods >= FEWEST_METHODS:
        if (ranks == ranks[:, :1]).all():  # scipy would divide zero by zero
            statistic, p_value = 0.0, 1.0
        else:
            statistic, p_value = map(float, scipy.stats.friedmanchisquare(*ranks.T))
    if n > 1 and methods > 1:
        difference = critical_difference(methods, n, alpha)
    return Ranking(n, ranks.mean(axis=0), statistic, p_value, difference)


def critical_difference(methods: int, units: int, alpha: float) -> float:
    """Return Nemenyi's critical difference of mean ranks (Demšar 2006, section 3.2.2).

    Args:
        methods: number of methods, at least 2.
        alpha: family-wise level.

    Returns:
        q √(k (k + 1) / (6 N)), where q is the quantile of the studentized range divided by √2.
    """
    q = scipy.stats.studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * units)))
