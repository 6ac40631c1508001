"""LIME's regression over every subset of the superpixels at once."""

import numpy as np
import scipy
import torch

from fidelity.explainers.lime.surrogate import Surrogate


def fit_all(
    rows: torch.Tensor, outputs: torch.Tensor, live: torch.Tensor, width: float, alpha: float
) -> Surrogate:
    """Compute the limit of LIME's regression for an infinite number of samples.

    It is (P + αI)⁻¹ v, with v = E[w z f] − E[w z] E[w f] / E[w]. P is the same with the bits z in
    place of the output f. Here z is uniform on {0, 1}ᵏ, and w are the kernel's weights. They depend
    only on the number of ones, so P has two different entries. Dead superpixels change w but not f,
    so the mean over their bits is taken in advance.

    Args:
        rows: float64 (2^l, l), every subset of the l live superpixels.
        outputs: float64 (2^l,).
        live: bool (k,), which superpixels the output depends on.
        alpha: penalty per sample (the α of `surrogate.fit` divided by its samples).

    Returns:
        A batch of one; nothing was drawn, so the errors are 0.
    """
    k, dead = len(live), len(live) - rows.shape[1]
    sizes = np.arange(k + 1)
    kernel = np.exp(-((1 - np.sqrt(sizes / k)) ** 2) / (2 * width**2))
    chances = scipy.stats.binom.pmf(sizes, k, 0.5) * kernel
    total, one = chances.sum(), chances @ sizes / k
    own = one - one**2 / total
    both = chances @ (sizes * (sizes - 1)) / max(1, k * (k - 1)) - one**2 / total if k > 1 else 0.0
    shown = rows.sum(1).long()
    weights = _over_dead(kernel, np.ones(dead + 1)).to(outputs)[shown]
    # Measured from the first output, so that a constant stays exactly constant.
    centre = outputs[0] + weights @ (outputs - outputs[0]) / weights.sum()
    centred = outputs - centre
    v = outputs.new_empty(k)
    v[live] = rows.T @ (weights * centred) / len(rows)
    if dead:  # mean of the weight times the bit of one dead superpixel
        with_bit = _over_dead(kernel, np.arange(dead + 1) / dead).to(outputs)[shown]
        v[~live] = with_bit @ centred / len(rows)
    coefficients = v - v.sum() * both / (own + alpha + (k - 1) * both)
    coefficients = coefficients / (own + alpha - both)
    explained = coefficients @ v + alpha * (coefficients @ coefficients)
    spread = (weights @ centred**2) / len(rows)
    r2 = explained / spread if spread > 0 else torch.ones_like(spread)
    intercept = centre - one / total * coefficients.sum()
    errors = torch.zeros_like(coefficients)
    return Surrogate(coefficients[None], intercept[None], r2[None], errors[None])


def _over_dead(kernel: np.ndarray, values: np.ndarray) -> torch.Tensor:
    """Average weight times value over the dead bits, by the number of live superpixels shown."""
    dead = len(values) - 1
    chances = scipy.stats.binom.pmf(np.arange(dead + 1), dead, 0.5) * values
    return torch.from_numpy(np.correlate(kernel, chances, "valid"))
