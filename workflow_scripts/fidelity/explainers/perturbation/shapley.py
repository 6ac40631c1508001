"""Shapley values of a game by regression over coalitions (Lundberg & Lee 2017)."""

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np


@dataclass(frozen=True)
class Design:
    """Coalitions to evaluate.

    Attributes:
        coalitions: bool (m, n), distinct, neither empty nor full: these two are constraints.
        weights: float64 (m,), of the regression; they sum to 1.
        exact: whether all coalitions are there, so that the regression gives the Shapley values.
    """

    coalitions: np.ndarray
    weights: np.ndarray
    exact: bool


def kernel(players: int) -> np.ndarray:
    """Share of the Shapley kernel's weight that coalitions of each size 1 … n-1 have together.

    (n-1) / (C(n,k) k (n-k)) per coalition of size k, times their number C(n,k), scaled to sum 1.
    """
    sizes = np.arange(1, players)
    shares = 1 / (sizes * (players - sizes))
    return shares / shares.sum()


def design(players: int, budget: int, rng: np.random.Generator) -> Design:
    """Choose coalitions within a budget.

    All of them where they fit. Else the sizes that carry most weight (one player, all but one, two,
    …) are taken whole as long as their share of the budget covers them, as the package shap does;
    the rest is sampled by the kernel in pairs of a coalition and its complement, which lowers the
    variance (Covert & Lee 2021, Improving KernelSHAP). The sizes of the sample are spread evenly
    over the kernel, not drawn one by one.

    Args:
        players: n, at least 2.
        budget: evaluations at most, the empty and the full coalition among them.
        rng: of the sample.

    Returns:
        At most budget - 2 coalitions.
    """
    left = budget - 2
    shares = kernel(players)
    exact = 2**players - 2 <= left
    whole, first = [], 1  # sizes below `first`, and their complements, are complete
    while first <= players // 2:
        sizes = sorted({first, players - first})
        number = sum(comb(players, size) for size in sizes)
        rest = shares[first - 1 : players - first]
        share = sum(shares[size - 1] for size in sizes) / rest.sum()
        if not exact and number > left * share:
            break
        whole.append((np.concatenate([_of_size(players, s) for s in sizes]), share * rest.sum()))
        left -= number
        first += 1
    coalitions = [rows for rows, _ in whole]
    weights = [np.full(len(rows), share / len(rows)) for rows, share in whole]
    rest = shares[first - 1 : players - first]
    if rest.size:
        rows, counts = np.unique(
            _sample(players, first, rest / rest.sum(), max(left // 2, 1), rng),
            axis=0,
            return_counts=True,
        )
        coalitions.append(rows)
        weights.append(rest.sum() * counts / counts.sum())
    return Design(np.concatenate(coalitions), np.concatenate(weights), exact)


def solve(
    chosen: Design, values: np.ndarray, nothing: np.ndarray, everything: np.ndarray
) -> np.ndarray:
    """Fit the additive game that comes nearest, in closed form.

    Weighted least squares under the constraint that the attributions sum to f(all) - f(none). They
    are written as an equal share each and a deviation that sums to zero; where the coalitions do
    not determine the deviation, the smallest is taken.

    Args:
        chosen: the coalitions.
        values: float64 (m, c), outputs of the coalitions.
        nothing: float64 (c,), outputs of the empty coalition.
        everything: float64 (c,), outputs of the full one.

    Returns:
        float64 (n, c), attributions.
    """
    shown = chosen.coalitions.astype(np.float64)
    players = shown.shape[1]
    gain = everything - nothing
    sizes = shown.sum(axis=1, keepdims=True)
    centred = shown - sizes / players
    residual = values - nothing - sizes * gain / players
    root = np.sqrt(chosen.weights)[:, None]
    deviation = np.linalg.lstsq(root * centred, root * residual, rcond=None)[0]
    found = gain / players + deviation
    return found + (gain - found.sum(axis=0)) / players  # the sum to the last digit


def r2(
    chosen: Design, values: np.ndarray, nothing: np.ndarray, attributions: np.ndarray
) -> np.ndarray:
    """Share of the outputs' weighted variance over the coalitions that the additive game explains.

    Args:
        chosen: the coalitions.
        values: float64 (m, c), their outputs.
        nothing: float64 (c,), outputs of the empty coalition.
        attributions: float64 (n, c).

    Returns:
        float64 (c,), 1 where the outputs do not vary.
    """
    weights = chosen.weights / chosen.weights.sum()
    fitted = nothing + chosen.coalitions @ attributions
    unexplained = weights @ (values - fitted) ** 2
    variance = weights @ (values - weights @ values) ** 2
    return 1 - np.divide(unexplained, variance, where=variance > 0, out=np.zeros_like(variance))


def _of_size(players: int, size: int) -> np.ndarray:
    """All coalitions of a size, bool (C(n, size), n)."""
    members = np.array(list(combinations(range(players), size)))
    rows = np.zeros((len(members), players), bool)
    np.put_along_axis(rows, members, True, axis=1)
    return rows


def _sample(
    players: int, first: int, shares: np.ndarray, pairs: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw coalitions of size `first` and more, each with its complement; bool (2 pairs, n)."""
    positions = (np.arange(pairs) + rng.random()) / pairs
    sizes = first + np.minimum(np.searchsorted(shares.cumsum(), positions), len(shares) - 1)
    ranks = rng.random((pairs, players)).argsort(axis=1).argsort(axis=1)
    rows = ranks < sizes[:, None]
    return np.concatenate([rows, ~rows])
