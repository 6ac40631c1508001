"""LIME's coefficients if every subset of superpixels were shown, as a function of the outputs.

The limit of LIME's regression for ever more samples is linear in the classifier's outputs f(z), z
being the bits of k superpixels: β = (P + αI)⁻¹ v, v = E[w z f] − E[w z] E[w f] / E[w], P the same
of z in place of f, over z uniform on {0, 1}ᵏ; w are the kernel's weights, α the penalty per sample.
As w depends on the number of ones alone, the coefficient of superpixel j for a Walsh function
χ_S(z) = ∏_{i in S} (2zᵢ − 1) depends on |S| and on whether j is in S: two short tables hold the
limit for every function of z.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats


@dataclass(frozen=True)
class Limit:
    """The limit for k superpixels.

    Attributes:
        weights: (k + 1,), kernel's weight of a picture with that many superpixels shown.
        inside: (k + 1,), what a Walsh function of m superpixels gives to the coefficient of each of
            them.
        outside: (k + 1,), what it gives to the others'.
        means: (k + 1,), its mean under the kernel's weights.
        share: mean of a bit under the kernel's weights.
        alpha: penalty per sample.
        spread: (P + αI)⁻¹ v = (v − common · Σv) / spread.
        common: see spread.
    """

    weights: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    means: np.ndarray
    share: float
    alpha: float
    spread: float
    common: float


def limit(superpixels: int, width: float, alpha: float) -> Limit:
    """Tabulate the limit.

    Args:
        superpixels: k.
        width: of the kernel.
        alpha: ridge penalty per sample (the α of `lime_surrogate.fit` over its samples).

    Returns:
        The limit.
    """
    k = superpixels
    orders = np.arange(k + 1)
    weights = np.exp(-((1 - np.sqrt(orders / k)) ** 2) / (2 * width**2))
    # E[w χ_S] for |S| = m: the coefficients of the polynomial (t − 1)^m (t + 1)^(k − m) / 2^k,
    # which is known at the roots of unity, times the weights.
    roots = np.exp(2j * np.pi * orders / (k + 1))
    values = ((roots - 1) / 2) ** orders[:, None] * ((roots + 1) / 2) ** (k - orders[:, None])
    here = (values @ np.fft.fft(weights)).real / (k + 1)
    down, up = np.append(here[:1], here[:-1]), np.append(here[1:], 0.0)
    share = (1 + here[1] / here[0]) / 2
    inside, outside = (here + down) / 2 - share * here, (here + up) / 2 - share * here
    own = here[0] * share * (1 - share)
    shared = (here[0] + 2 * here[1] + here[2]) / 4 - here[0] * share**2 if k > 1 else 0.0
    spread = own - shared + alpha
    common = shared / (own + alpha + (k - 1) * shared)
    total = orders * inside + (k - orders) * outside
    return Limit(
        weights, (inside - common * total) / spread, (outside - common * total) / spread,
        here / here[0], share, alpha, spread, common,
    )  # fmt: skip


def of_all_subsets(
    tables: Limit, rows: torch.Tensor, outputs: torch.Tensor, live: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Give the limit of a function that is known everywhere.

    Args:
        tables: for the k superpixels.
        rows: float64 (2^l, l), each subset of the l superpixels that the function depends on.
        outputs: float64 (2^l,).
        live: bool (k,), which these are.

    Returns:
        Coefficients (k,), intercept, weighted R².
    """
    k, dead = len(live), len(live) - rows.shape[1]
    sizes = rows.sum(1).long()
    weights = _over_dead(tables.weights, dead, np.ones(dead + 1)).to(outputs)[sizes]
    centre = (weights @ outputs) / weights.sum()
    centred = outputs - centre
    v = outputs.new_empty(k)
    v[live] = rows.T @ (weights * centred) / len(rows)
    if dead:  # mean of weight times the bit of one dead superpixel
        shares = np.arange(dead + 1) / dead
        v[~live] = _over_dead(tables.weights, dead, shares).to(outputs)[sizes] @ centred / len(rows)
    coefficients = (v - tables.common * v.sum()) / tables.spread
    explained = coefficients @ v + tables.alpha * (coefficients @ coefficients)
    total = (weights @ centred**2) / len(rows)
    r2 = explained / total if total > 0 else torch.ones_like(total)
    return coefficients, centre - tables.share * coefficients.sum(), r2


def _over_dead(weights: np.ndarray, dead: int, values: np.ndarray) -> torch.Tensor:
    """Mean of weight times value over the dead bits, by the number of live ones."""
    chances = stats.binom.pmf(np.arange(dead + 1), dead, 0.5) * values
    return torch.from_numpy(np.correlate(weights, chances, "valid"))


def walsh_sums(
    signs: torch.Tensor, shares: torch.Tensor, inside: np.ndarray, outside: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum over all Walsh functions of l superpixels, drawn by superpixel.

    Args:
        signs: float64 (n, l), −1 and 1.
        shares: float64 (l,) below 1/2: each superpixel's chance to be in S.
        inside: at least (l + 1,), values by |S| for superpixels in S.
        outside: at least (l + 1,), for those outside S.

    Returns:
        Σ_S P(S) χ_S(signs) · (inside[|S|] if j in S else outside[|S|]) for each j, (n, l); and the
        same for one that is never in S, (n,).
    """
    n, count = signs.shape
    terms = shares * signs
    sums, never = signs.new_zeros(n, count), signs.new_zeros(n)
    # The sums by |S| are coefficients of ∏ (1 − p + p χ t), read off at the roots of unity t;
    # conjugate roots give conjugate values. No factor is 0, as p < 1/2.
    tables = np.stack([inside[: count + 1], outside[: count + 1]])
    spectra = np.fft.fft(tables).T / (count + 1)
    for index in range((count + 1) // 2 + 1):
        root = complex(np.exp(2j * np.pi * index / (count + 1)))
        double = 1 if index in (0, (count + 1) / 2) else 2
        at_in, at_out = (complex(double * value) for value in spectra[index])
        factors = terms * root + (1 - shares)
        product = factors.prod(1, keepdim=True)
        sums += ((at_in * root * terms + at_out * (1 - shares)) * (product / factors)).real
        never += (at_out * product[:, 0]).real
    return sums, never
