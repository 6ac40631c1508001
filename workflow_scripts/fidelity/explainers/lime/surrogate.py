"""LIME's surrogate: a weighted ridge regression in closed form, with standard errors, batched."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch


@dataclass(frozen=True)
class Surrogate:
    """Fitted surrogates, one per entry of the batch.

    Attributes:
        coefficients: float64 (b, k), in the unit of the output.
        intercept: float64 (b,).
        r2: float64 (b,), weighted, as scikit-learn computes it.
        errors: float64 (b, k), standard errors of the coefficients; nan unless there is at least
            one more independent sample than effective parameters.
    """

    coefficients: torch.Tensor
    intercept: torch.Tensor
    r2: torch.Tensor
    errors: torch.Tensor


def kernel_weights(rows: torch.Tensor, width: float) -> torch.Tensor:
    """Weigh rows by their cosine distance d to the row of ones: sqrt(exp(-d² / width²)), (..., n).

    Args:
        rows: float64 (..., n, k) of 0 and 1, for which d = 1 − sqrt(share of ones).
    """
    distance = 1 - rows.mean(-1).sqrt()
    return torch.exp(-(distance**2) / (2 * width**2))


def fit(
    rows: torch.Tensor, outputs: torch.Tensor, weights: torch.Tensor, alpha: float, cluster: int = 1
) -> Surrogate:
    """Minimise Σ w (y − b₀ − x·b)² + α |b|²; the intercept b₀ is not penalised (as scikit-learn).

    With x and y centred at their weighted means and A = XᵀWX + αI, b = A⁻¹XᵀWy. The standard errors
    are the square roots of the diagonal of A⁻¹ M A⁻¹ · g / (g − p). M = Σ over clusters of u uᵀ,
    where u is the sum of w·e·x over the cluster's rows, and e are the residuals. The number of
    clusters is g, and p is the effective number of parameters, 1 + tr(A⁻¹XᵀWX).

    For single rows, this is the heteroscedasticity-consistent sandwich HC1 (White 1980; MacKinnon &
    White 1985). Rows that are drawn with their complements are not independent; for these pairs, it
    is the cluster-robust sandwich (Liang & Zeger 1986). The errors measure the spread over draws of
    the rows; they do not include the ridge's shrinkage.

    Args:
        rows: float64 (b, n, k) of 0 and 1.
        outputs: float64 (b, n).
        weights: float64 (b, n).
        cluster: number of consecutive rows drawn together: 2 for pairs of complements.
    """
    total = weights.sum(-1, keepdim=True)
    mean_x = (weights.unsqueeze(-1) * rows).sum(-2, keepdim=True) / total.unsqueeze(-1)
    mean_y = (weights * outputs).sum(-1, keepdim=True) / total
    x = rows - mean_x
    # A constant output minus its mean can be a rounding error, which scaling would turn into a map.
    constant = (outputs == outputs[..., :1]).all(-1, keepdim=True)
    y = torch.where(constant, 0.0, outputs - mean_y)
    weighted = weights.unsqueeze(-1) * x
    gram = x.mT @ weighted
    penalised = gram + alpha * torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    # Without a penalty, equal columns make the matrix singular; pinv gives the shortest solution.
    inverse = torch.linalg.inv(penalised) if alpha > 0 else torch.linalg.pinv(gram, hermitian=True)
    coefficients = (inverse @ (weighted.mT @ y.unsqueeze(-1))).squeeze(-1)
    residuals = y - (x @ coefficients.unsqueeze(-1)).squeeze(-1)
    intercept = mean_y.squeeze(-1) - (mean_x.squeeze(-2) * coefficients).sum(-1)
    return Surrogate(
        coefficients,
        intercept,
        _r2(residuals, y, weights),
        _errors(weighted * residuals.unsqueeze(-1), inverse, gram, cluster),
    )


def stack(fits: Sequence[Surrogate]) -> Surrogate:
    """Join batches of surrogates with the same number of superpixels into one."""
    names = [field.name for field in fields(Surrogate)]
    return Surrogate(*(torch.cat([getattr(fit, name) for fit in fits]) for name in names))


def _r2(residuals: torch.Tensor, centred: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Compute 1 − residual / total sum of squares; for a constant output, 1 if exact, else 0."""
    left = (weights * residuals**2).sum(-1)
    total = (weights * centred**2).sum(-1)
    constant = torch.where(left == 0, 1.0, 0.0).to(left)
    return torch.where(total > 0, 1 - left / total.clamp_min(1e-300), constant)


def _errors(
    scores: torch.Tensor, inverse: torch.Tensor, gram: torch.Tensor, cluster: int
) -> torch.Tensor:
    batch, n, k = scores.shape
    groups = -(-n // cluster)
    scores = torch.nn.functional.pad(scores, (0, 0, 0, groups * cluster - n))
    scores = scores.reshape(batch, groups, cluster, k).sum(2)
    parameters = 1 + (inverse @ gram).diagonal(dim1=-2, dim2=-1).sum(-1)
    variance = ((scores @ inverse) ** 2).sum(1)
    free = groups - parameters
    factor = torch.where(free >= 1, groups / free, torch.nan)
    return (variance * factor.unsqueeze(-1)).sqrt()
