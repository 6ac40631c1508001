"""LIME's regression over all subsets of superpixels, those not classified predicted."""

import torch

from fidelity.explainers.lime_limit import limit, of_all_subsets, walsh_sums
from fidelity.explainers.lime_process import fit_process
from fidelity.explainers.lime_surrogate import Surrogate, kernel_weights, score


def interpolate(
    rows: torch.Tensor, outputs: torch.Tensor, live: torch.Tensor, width: float, alpha: float
) -> Surrogate:
    """Estimate the limit that LIME's regression has for ever more samples.

    If every subset of the live superpixels was classified it is exact, and its errors are 0. Else a
    Gaussian process fitted to the outputs stands in for the classifier (Bayesian quadrature,
    O'Hagan 1991), and the errors are its posterior's: how far the limit may still be off, which
    supposes that the process is apt.

    Args:
        rows: float64 (n, k) of 0 and 1.
        outputs: float64 (n,), which depend on the live superpixels alone.
        live: bool (k,), which superpixels change the picture.
        width: of the kernel.
        alpha: penalty per sample.

    Returns:
        A batch of one. R² is over all subsets if they were classified, else over the rows.
    """
    tables = limit(len(live), width, alpha)
    pictures, index = torch.unique(rows[:, live], dim=0, return_inverse=True)
    # Where rows show the same picture any of their outputs will do: they are equal.
    answers = outputs.new_empty(len(pictures))
    answers[index] = outputs
    if len(pictures) == 2 ** pictures.shape[1]:
        coefficients, intercept, r2 = of_all_subsets(tables, pictures, answers, live)
        return Surrogate(
            coefficients[None], intercept[None], r2[None], torch.zeros_like(coefficients)[None]
        )
    coefficients, errors = outputs.new_zeros(len(live)), outputs.new_zeros(len(live))
    mean = outputs.mean()
    if answers.max() > answers.min():
        process = fit_process(pictures, answers)
        functions = tables.inside, tables.outside
        by_row = walsh_sums(process.signs, process.shares, *functions)
        squares = [table**2 for table in functions]
        prior = walsh_sums(torch.ones_like(process.signs[:1]), process.shares, *squares)
        for where, part, before in zip((live, ~live), by_row, prior, strict=True):
            part = part.reshape(len(pictures), -1)
            coefficients[where] = process.values @ part
            known = ((process.inverse @ part) * part).sum(0)
            errors[where] = (process.scale * (before.reshape(-1) - known)).clamp_min(0).sqrt()
        means = walsh_sums(process.signs, process.shares, tables.means, tables.means)[1]
        mean = process.mean + process.values @ means
    intercept = mean - tables.share * coefficients.sum()
    r2 = score(rows, outputs, kernel_weights(rows, width), coefficients, intercept)
    return Surrogate(coefficients[None], intercept[None], r2[None], errors[None])
