"""Many paired comparisons at a time: mean difference with interval, signed ranks, sign flips.

A column is one comparison (a pair of methods under one metric). A row is one unit of analysis (a
patient, or an image if patients have only one). All columns share one set of resampling weights and
one matrix of signs. Thousands of comparisons thus cost only a few matrix products.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy

from fidelity.base.seeding import seed_for
from fidelity.statistics.resampling import resampling_weights

# Columns (and rows of signs) per matrix product; limits memory to about 100 MB.
COLUMNS = 1000
ROWS = 2500
# As in scipy: up to the first number, all signs are enumerated, even with ties. Above the second,
# the normal approximation is used, for many columns in one call.
ENUMERATED_UP_TO = 13
EXACT_UP_TO = 50
# The order of addition changes the last digits of sums of equal magnitude.
TOLERANCE = 1e-12


@dataclass(frozen=True)
class PairedTests:
    """Paired comparisons, one element per column.

    Attributes:
        n: number of units with a defined difference.
        mean: mean difference over units; nan if no difference is defined.
        low: lower bound of its percentile interval; nan with fewer than two units.
        effect_size: matched-pairs rank-biserial correlation in [−1, 1]; 1 if a is always larger.
        p_wilcoxon: two-sided Wilcoxon signed-rank test; 1 if all differences are zero.
        p_permutation: two-sided sign-flip test of the mean difference; 1 if all are zero.
    """

    n: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    effect_size: np.ndarray
    p_wilcoxon: np.ndarray
    p_permutation: np.ndarray


def paired_tests(
    differences: np.ndarray, *, replicates: int, permutations: int, alpha: float, seed: int
) -> PairedTests:
    """Test each column of differences against zero.

    Args:
        differences: (units, columns) of a − b per unit; nan if undefined. A column with infinite
            differences (distances to an empty mask, in some protocols) has no interval and no
            sign-flip test. They have the highest ranks in Wilcoxon's test.

    Returns:
        The comparisons; all values are nan for a column without a defined difference.
    """
    differences = np.asarray(differences, dtype=float)
    n = np.count_nonzero(~np.isnan(differences), axis=0)
    infinite = np.isinf(differences).any(axis=0)
    finite = np.where(np.isinf(differences), np.nan, differences)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(differences, axis=0) / n
    low, high = _intervals(finite, replicates, alpha, seed)
    nothing = n == 0
    p_wilcoxon, p_permutation = (
        wilcoxon_p(differences),
        sign_flip_p(differences, permutations, seed),
    )
    effect_size = rank_biserial(differences)
    for values in (effect_size, p_wilcoxon, p_permutation):
        values[nothing] = np.nan
    for values in (low, high, p_permutation):
        values[infinite] = np.nan
    return PairedTests(n, mean, low, high, effect_size, p_wilcoxon, p_permutation)


def wilcoxon_p(differences: np.ndarray) -> np.ndarray:
    """Test whether differences are symmetric about zero (scipy's Wilcoxon signed rank, two-sided).

    Args:
        differences: (units, columns); zeros and nan are dropped.

    Returns:
        (columns,) p values, exact for up to 50 differences without ties; 1 if all are zero.
    """
    filled = np.nan_to_num(differences)
    counts = np.count_nonzero(filled, axis=0)
    p_values = np.ones(filled.shape[1])
    many = np.flatnonzero(counts > EXACT_UP_TO)
    for start in range(0, len(many), COLUMNS):
        columns = many[start : start + COLUMNS]
        # scipy drops the zeros itself, separately for each column.
        p_values[columns] = scipy.stats.wilcoxon(
            filled[:, columns], axis=0, method="asymptotic"
        ).pvalue
    # Gives the p values of scipy, which is slow here: Wilcoxon's test is the sign-flip test of the
    # signed ranks.
    few = (counts > 0) & (counts <= ENUMERATED_UP_TO)
    p_values[few] = _enumerated_p(_signed_ranks(filled[:, few]))
    for column in np.flatnonzero((counts > ENUMERATED_UP_TO) & (counts <= EXACT_UP_TO)):
        values = filled[:, column]
        p_values[column] = scipy.stats.wilcoxon(values[values != 0]).pvalue
    return p_values


def sign_flip_p(differences: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """Test the mean difference by flipping signs (Fisher's randomization test, two-sided).

    Under the null hypothesis, each unit's difference is equally likely to be positive or negative.
    All sign patterns are enumerated if there are at most `permutations`. Zeros are left out, which
    changes nothing, because a flip does not change them. Otherwise patterns are drawn, the same for
    all columns. Then p = (1 + number as extreme) / (1 + permutations) (Phipson & Smyth 2010).

    Args:
        differences: (units, columns); nan is dropped.

    Returns:
        (columns,) p values; 1 if all differences are zero.
    """
    filled = np.nan_to_num(differences)
    counts = np.count_nonzero(filled, axis=0)
    p_values = np.ones(filled.shape[1])
    exact = (counts > 0) & (2.0**counts <= permutations)
    p_values[exact] = _enumerated_p(filled[:, exact])
    drawn = np.flatnonzero((counts > 0) & ~exact)
    if len(drawn):
        signs = _random_signs(len(filled), permutations, seed)
        for start in range(0, len(drawn), COLUMNS):
            columns = drawn[start : start + COLUMNS]
            p_values[columns] = (1 + _as_extreme(signs, filled[:, columns])) / (1 + permutations)
    return p_values


def rank_biserial(differences: np.ndarray) -> np.ndarray:
    """Return the matched-pairs rank-biserial correlation (R⁺ − R⁻) / (R⁺ + R⁻) (Kerby 2014).

    Args:
        differences: (units, columns); zeros and nan are dropped.

    Returns:
        (columns,) values in [−1, 1]; 0 if all are zero.
    """
    filled = np.nan_to_num(differences)
    signed = _signed_ranks(filled)
    total = np.abs(signed).sum(axis=0)
    return np.divide(signed.sum(axis=0), total, out=np.zeros(len(total)), where=total > 0)


def _signed_ranks(filled: np.ndarray) -> np.ndarray:
    """Rank the nonzero values by magnitude and give each rank the value's sign; zeros stay 0."""
    # Zeros take the lowest ranks, so their number is subtracted.
    zeros = np.count_nonzero(filled == 0, axis=0)
    return np.sign(filled) * (scipy.stats.rankdata(np.abs(filled), axis=0) - zeros)


def _enumerated_p(filled: np.ndarray) -> np.ndarray:
    """Compute each column's two-sided p value from all its sign patterns, without zeros."""
    counts = np.count_nonzero(filled, axis=0)
    p_values = np.ones(filled.shape[1])
    for count in np.unique(counts):
        columns = np.flatnonzero(counts == count)
        short = np.stack([filled[filled[:, column] != 0, column] for column in columns], axis=1)
        p_values[columns] = _as_extreme(_all_signs(int(count)), short) / 2.0**count
    return p_values


def _intervals(
    differences: np.ndarray, replicates: int, alpha: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute percentile intervals of the columns' means, resampling units."""
    units, columns = differences.shape
    bounds = np.full((2, columns), np.nan)
    defined = ~np.isnan(differences)
    filled = np.where(defined, differences, 0.0)
    weights = resampling_weights(units, replicates, seed).astype(float)
    chosen = np.flatnonzero(defined.sum(axis=0) >= 2)
    for start in range(0, len(chosen), COLUMNS):
        part = chosen[start : start + COLUMNS]
        gaps = ~defined[:, part].all(axis=0)
        counts = np.full((replicates, len(part)), float(units))
        counts[:, gaps] = weights @ defined[:, part[gaps]].astype(float)
        with np.errstate(invalid="ignore"):
            means = np.ascontiguousarray(((weights @ filled[:, part]) / counts).T)
        for rows in (gaps, ~gaps):
            # nanquantile works row by row, and most columns do not need it.
            quantile = np.nanquantile if rows is gaps else np.quantile
            if rows.any():
                bounds[:, part[rows]] = quantile(means[rows], [alpha / 2, 1 - alpha / 2], axis=1)
    return bounds[0], bounds[1]


# Differences of infinite distances are infinite or undefined.
@np.errstate(invalid="ignore", over="ignore")
def _as_extreme(signs: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """Count per column the sign patterns with a sum at least as far from zero as the actual."""
    limit = np.abs(filled.sum(axis=0)) - TOLERANCE * np.abs(filled).sum(axis=0)
    extreme = np.zeros(filled.shape[1], dtype=np.int64)
    for start in range(0, len(signs), ROWS):
        sums = signs[start : start + ROWS].astype(float) @ filled
        extreme += np.count_nonzero(np.abs(sums) >= limit, axis=0)
    return extreme


def _all_signs(units: int) -> np.ndarray:
    patterns = np.arange(2**units)[:, None] >> np.arange(units) & 1
    return (2 * patterns - 1).astype(np.int8)


@lru_cache(maxsize=8)
def _random_signs(units: int, permutations: int, seed: int) -> np.ndarray:
    """Draw sign patterns: (permutations, units) int8 of −1 and 1."""
    rng = np.random.default_rng(seed_for(seed, "sign flips", units, permutations))
    signs = (2 * rng.integers(0, 2, (permutations, units), dtype=np.int8) - 1).astype(np.int8)
    signs.flags.writeable = False
    return signs
