"""Predict the classifier's output for pictures that were not classified: a Gaussian process.

Inputs are rows of bits, with the covariance ∏ⱼ exp(−hⱼ [zⱼ ≠ z′ⱼ]). Superpixels with a small rate
hⱼ matter little. The more superpixels an interaction has, the less it counts. Rates and noise
maximise the evidence (Rasmussen & Williams 2006, chapter 5), with a wide prior on the rates that
keeps them finite.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

PRIOR_RATE, PRIOR_SPREAD = 0.1, 2.0  # σ of the log rate: ± 2 σ is a factor of 50
RATES, NOISES = (1e-3, 3.0), (1e-6, 0.1)
START_NOISE = 1e-4
ITERATIONS = 20
MOST_ROWS = 512  # the rates are fitted to this many first rows
AT_ONCE = 4096  # outputs predicted at a time


@dataclass(frozen=True)
class Process:
    """A fitted process.

    Attributes:
        rates: float64 (l,).
        signs: float64 (n, l), the fitted rows as −1 and 1.
        inverse: float64 (n, n), inverse of their covariance K with noise.
        values: float64 (n,), K⁻¹ (outputs − mean).
    """

    rates: torch.Tensor
    signs: torch.Tensor
    mean: torch.Tensor
    inverse: torch.Tensor
    values: torch.Tensor

    def predict(self, rows: torch.Tensor, groups: int = 0) -> torch.Tensor:
        """Predict outputs.

        Args:
            rows: float64 (m, l) of 0 and 1.
            groups: number of groups of the fitted rows (every g-th row). Each group is left out
                once, with the rates kept.

        Returns:
            float64 (1 + groups, m): the prediction from all rows, then from those without a group.
        """
        values = [self.values]
        for group in range(groups):
            left_out = torch.arange(group, len(self.signs), groups, device=self.signs.device)
            block = self.inverse[left_out][:, left_out]
            change = torch.linalg.solve(block, self.values[left_out])
            # These values are 0 at the rows that are left out, up to rounding.
            values.append(self.values - self.inverse[:, left_out] @ change)
        weights = torch.stack(values)
        parts = [
            weights @ _kernel(self.signs, 2 * part - 1, self.rates) for part in rows.split(AT_ONCE)
        ]
        return self.mean + torch.cat(parts, 1)


def fit_process(rows: torch.Tensor, outputs: torch.Tensor) -> Process:
    """Fit a process to outputs.

    Args:
        rows: float64 (n, l) of 0 and 1 in random order, no two equal, l at least 1.
        outputs: float64 (n,), not constant.
    """
    signs = 2 * rows - 1
    mean = outputs.mean()
    centred = outputs - mean
    few, some = signs[:MOST_ROWS], centred[:MOST_ROWS] / centred.std()

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
    covariance = _add(_kernel(signs, signs, rates), noise)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(covariance))
    return Process(rates, signs, mean, inverse, inverse @ centred)


def _kernel(a: torch.Tensor, b: torch.Tensor, rates: torch.Tensor) -> torch.Tensor:
    return torch.exp(((a * rates) @ b.T - rates.sum()) / 2)


def _add(matrix: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    return matrix + noise * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)


def _loss(
    signs: torch.Tensor, outputs: torch.Tensor, parameters: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the negative log posterior (scale profiled out) and its gradient in log parameters.

    It is the negative log evidence plus the prior's term. The gradient is with respect to the logs
    of the rates and of the noise.
    """
    n = len(signs)
    rates, noise = parameters[:-1].exp(), parameters[-1].exp()
    kernel = _kernel(signs, signs, rates)
    factor = torch.linalg.cholesky(_add(kernel, noise))
    inverse = torch.cholesky_inverse(factor)
    values = inverse @ outputs
    energy = (outputs @ values).clamp_min(1e-300)
    off = (parameters[:-1] - np.log(PRIOR_RATE)) / PRIOR_SPREAD
    loss = n / 2 * torch.log(energy / n) + factor.diagonal().log().sum() + (off**2).sum() / 2
    by_kernel = (inverse - torch.outer(values, values) * (n / energy)) / 2
    weighted = by_kernel * kernel
    by_rate = ((signs * (weighted @ signs)).sum(0) - weighted.sum()) / 2
    by_rate = by_rate * rates + off / PRIOR_SPREAD
    return loss, torch.cat([by_rate, (by_kernel.trace() * noise).reshape(1)])
