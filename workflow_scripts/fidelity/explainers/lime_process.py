"""What the classifier would answer for pictures that were not classified: a Gaussian process.

Over rows of bits, with the covariance ∏ⱼ exp(−hⱼ [zⱼ ≠ z′ⱼ]): superpixels with a small rate hⱼ
matter little. In Walsh functions it is Σ_S P(S) χ_S(z) χ_S(z′), each superpixel being in S with the
chance pⱼ = (1 − exp(−hⱼ)) / 2, so that interactions count the less the more superpixels they have.
Rates and noise are those of the highest evidence (Rasmussen & Williams 2006, chapter 5), with a
wide prior on the rates that keeps them finite.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

PRIOR_RATE, PRIOR_SPREAD = 0.1, 2.0  # of the logarithm: a factor of 50 either way is two σ
RATES, NOISES = (1e-3, 3.0), (1e-6, 0.1)
START_NOISE = 1e-4
ITERATIONS = 20
MOST_ROWS = 512  # rates are learnt from the first so many rows


@dataclass(frozen=True)
class Process:
    """A fitted process.

    Attributes:
        shares: float64 (l,), the chances pⱼ.
        signs: float64 (n, l), the rows it was fitted to as −1 and 1.
        values: float64 (n,), K⁻¹ (y − ȳ).
        mean: ȳ.
        inverse: float64 (n, n), K⁻¹, with noise.
        scale: variance that K is multiplied by.
    """

    shares: torch.Tensor
    signs: torch.Tensor
    values: torch.Tensor
    mean: torch.Tensor
    inverse: torch.Tensor
    scale: torch.Tensor


def fit_process(rows: torch.Tensor, outputs: torch.Tensor) -> Process:
    """Fit a process to outputs.

    Args:
        rows: float64 (n, l) of 0 and 1, no two equal, l at least 1.
        outputs: float64 (n,), not constant.

    Returns:
        The process.
    """
    signs = 2 * rows - 1
    mean = outputs.mean()
    centred = outputs - mean
    few, some = signs[:MOST_ROWS], centred[:MOST_ROWS] / centred[:MOST_ROWS].std()

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _loss(few, some, torch.from_numpy(parameters).to(few))
        return float(value), gradient.cpu().numpy()

    count = signs.shape[1]
    found = minimize(
        loss,
        np.log([PRIOR_RATE] * count + [START_NOISE]),
        jac=True,
        method="L-BFGS-B",
        bounds=[np.log(RATES)] * count + [np.log(NOISES)],
        options={"maxiter": ITERATIONS},
    )
    parameters = torch.from_numpy(found.x).to(signs).exp()
    rates, noise = parameters[:-1], parameters[-1]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(_add(_kernel(signs, rates), noise)))
    values = inverse @ centred
    shares = (1 - torch.exp(-rates)) / 2
    return Process(shares, signs, values, mean, inverse, centred @ values / len(rows))


def _kernel(signs: torch.Tensor, rates: torch.Tensor) -> torch.Tensor:
    return torch.exp(((signs * rates) @ signs.T - rates.sum()) / 2)


def _add(matrix: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    return matrix + noise * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)


def _loss(
    signs: torch.Tensor, outputs: torch.Tensor, parameters: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Negative log evidence, its scale profiled out, and prior; gradient in log rates and noise."""
    n = len(signs)
    rates, noise = parameters[:-1].exp(), parameters[-1].exp()
    kernel = _kernel(signs, rates)
    factor = torch.linalg.cholesky(_add(kernel, noise))
    inverse = torch.cholesky_inverse(factor)
    values = inverse @ outputs
    energy = outputs @ values
    off = (parameters[:-1] - np.log(PRIOR_RATE)) / PRIOR_SPREAD
    loss = n / 2 * torch.log(energy / n) + factor.diagonal().log().sum() + (off**2).sum() / 2
    by_kernel = (inverse - torch.outer(values, values) * (n / energy)) / 2
    weighted = by_kernel * kernel
    by_rate = ((signs * (weighted @ signs)).sum(0) - weighted.sum()) / 2
    by_rate = by_rate * rates + off / PRIOR_SPREAD
    return loss, torch.cat([by_rate, (by_kernel.trace() * noise).reshape(1)])
