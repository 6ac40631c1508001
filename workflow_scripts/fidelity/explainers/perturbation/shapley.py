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
        exact: whether all coalitions are included, so that the regression gives the Shapley values.
    """

    coalitions: np.ndarray
    weights: np.ndarray
    exact: bool


def kernel(players: int) -> np.ndarray:
    """Compute the Shapley kernel's weight of all coalitions of each size 1 … n-1 together.

    It is (n-1) / (C(n,k) k (n-k)) per coalition of size k, times their number C(n,k), scaled to sum
    to 1.
    """
    sizes = np.arange(1, players)
    shares = 1 / (sizes * (players - sizes))
    return shares / shares.sum()


def design(players: int, budget: int, rng: np.random.Generator) -> Design:
    """Choose coalitions within a budget: at most budget - 2.

    If all coalitions fit, all are used. Otherwise, the sizes with most weight (one player, all but
    one, two, …) are complete if the budget allows, as in the package shap. The rest is sampled by
    the kernel in pairs of a coalition and its complement, which lowers the variance (Covert & Lee
    2021, Improving KernelSHAP). The sizes of the sample are spread evenly over the kernel, not
    drawn one by one.

    Args:
        players: n; with fewer than 2, no coalition lies between the empty and the full one.
        budget: largest number of evaluations, including the empty and the full coalition.
    """
    if players < 2:
        return Design(np.zeros((0, players), bool), np.zeros(0), True)
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


def solve(chosen: Design, values: np.ndarray, nothing: float, everything: float) -> np.ndarray:
    """Fit the nearest additive game in closed form: attributions, float64 (n,).

    Weighted least squares under the constraint that the attributions sum to f(all) - f(none). Each
    attribution is an equal share plus a deviation, and the deviations sum to zero. If the
    coalitions do not determine the deviations, the smallest ones are used.

    Args:
        values: float64 (m,), outputs of the coalitions.
    """
    players = chosen.coalitions.shape[1]
    if players == 0:
        return np.zeros(0)
    shown = chosen.coalitions.astype(np.float64)
    share = (everything - nothing) / players
    sizes = shown.sum(axis=1)
    root = np.sqrt(chosen.weights)
    centred = root[:, None] * (shown - sizes[:, None] / players)
    residual = root * (values - nothing - sizes * share)
    found = share + np.linalg.lstsq(centred, residual, rcond=None)[0]
    return found + (everything - nothing - found.sum()) / players  # corrects rounding of the sum


def r2(chosen: Design, values: np.ndarray, nothing: float, attributions: np.ndarray) -> float:
    """Compute R² of the additive game: its share of the outputs' weighted variance.

    Args:
        chosen: the coalitions.
        values: float64 (m,), their outputs.
        nothing: output of the empty coalition.
        attributions: float64 (n,).

    Returns:
        1 where the outputs do not vary, or there are no coalitions. It may be below 0, because the
        game must pass through the empty and the full coalition, whatever lies between.
    """
    weights = chosen.weights
    unexplained = weights @ (values - nothing - chosen.coalitions @ attributions) ** 2
    variance = weights @ (values - weights @ values) ** 2
    return 1 - float(unexplained / variance) if variance > 0 else 1.0


def _of_size(players: int, size: int) -> np.ndarray:
    """List all coalitions of a size, bool (C(n, size), n)."""
    members = np.array(list(combinations(range(players), size)))
    rows = np.zeros((len(members), players), bool)
    np.put_along_axis(rows, members, True, axis=1)
    return rows


def _sample(
    players: int, first: int, shares: np.ndarray, pairs: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw coalitions of at least `first` players, each with its complement; bool (2 pairs, n)."""
    positions = (np.arange(pairs) + rng.random()) / pairs
    sizes = first + np.minimum(np.searchsorted(shares.cumsum(), positions), len(shares) - 1)
    ranks = rng.random((pairs, players)).argsort(axis=1).argsort(axis=1)
    rows = ranks < sizes[:, None]
    return np.concatenate([rows, ~rows])
