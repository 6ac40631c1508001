"""LIME's regression over all subsets of superpixels; outputs not computed are predicted."""

from dataclasses import replace

import torch

from fidelity.explainers.lime.gaussian_process import fit_process
from fidelity.explainers.lime.sampling import all_subsets, design
from fidelity.explainers.lime.subsets import fit_all
from fidelity.explainers.lime.surrogate import Surrogate, fit, kernel_weights
from fidelity.settings.explainers import Lime

MOST_LIVE = 13  # up to 2^13 subsets are all predicted; otherwise a sample of them
PREDICTED, COMPARED = 32768, 4096
MOST_BITS = 2**23  # of the predicted sample: fewer rows for more than 256 superpixels
GROUPS = 8
# A probability p becomes the logit of MARGIN + (1 − 2 MARGIN) p. This keeps it finite, and the
# noise at 0 and 1 small.
MARGIN = 1e-4


def interpolate(
    rows: torch.Tensor,
    outputs: torch.Tensor,
    live: torch.Tensor,
    settings: Lime,
    alpha: float,
    seed: int,
) -> Surrogate:
    """Estimate the limit of LIME's regression for an infinite number of samples.

    If every subset of the live superpixels was classified, the result is exact. Else a Gaussian
    process is fitted to the outputs (probabilities as logits) and predicts those of all other
    subsets (Bayesian quadrature, O'Hagan 1991). The standard errors are a jackknife's: how much
    changes when each eighth of the pictures is left out. If the predicted subsets are a sample,
    that sample's error is included.

    Args:
        rows: float64 (n, k) of 0 and 1.
        outputs: float64 (n,), which depend only on the live superpixels.
        live: bool (k,), which superpixels change the picture.
        seed: of the predicted sample, and of the jackknife's groups.

    Returns:
        A batch of one, with R² over the predicted subsets.
    """
    if live.any():
        pictures, index = torch.unique(rows[:, live], dim=0, return_inverse=True)
    else:
        pictures, index = rows[:1, live], torch.zeros(len(rows), dtype=torch.long)
    # Rows that show the same picture have equal outputs, so any of them will do.
    answers = outputs.new_empty(len(pictures))
    answers[index] = outputs
    if len(pictures) == 2 ** pictures.shape[1]:
        return fit_all(pictures, answers, live, settings.kernel_width, alpha)
    subsets = _Subsets(live, settings.kernel_width, alpha, seed)
    if answers.max() == answers.min():
        return subsets.regress(answers[:1].expand(len(subsets.rows)))
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
    pictures, answers = pictures[order.to(live.device)], answers[order.to(live.device)]
    there, back = LINKS[settings.output]
    process = fit_process(pictures, there(answers))
    found = subsets.regress(back(process.predict(subsets.rows[:, live])[0]))
    groups = min(GROUPS, len(pictures))
    parts = back(process.predict(subsets.rows[: subsets.compared, live], groups))
    changes = [subsets.regress(part - parts[0]).coefficients for part in parts[1:]]
    variance = (groups - 1) * torch.cat(changes).var(0, correction=0)
    return replace(found, errors=(found.errors**2 + variance).sqrt())


class _Subsets:
    """The subsets that are predicted, and LIME's regression over all or the first of them."""

    def __init__(self, live: torch.Tensor, width: float, alpha: float, seed: int) -> None:
        self.live, self.width, self.alpha = live, width, alpha
        self.every = int(live.sum()) <= MOST_LIVE
        if self.every:
            rows = all_subsets(live.cpu().numpy())
        else:
            count = max(COMPARED, min(PREDICTED, MOST_BITS // len(live) // 2 * 2))
            rows = design("hadamard", count, len(live), seed)
        self.rows = torch.from_numpy(rows).to(live.device).double()
        self.compared = len(rows) if self.every else COMPARED

    def regress(self, outputs: torch.Tensor) -> Surrogate:
        if self.every:
            return fit_all(self.rows[:, self.live], outputs, self.live, self.width, self.alpha)
        rows = self.rows[None, : len(outputs)]
        weights = kernel_weights(rows, self.width)
        return fit(rows, outputs[None], weights, self.alpha * len(outputs), 2)


def _logit(probabilities: torch.Tensor) -> torch.Tensor:
    return torch.logit(MARGIN + (1 - 2 * MARGIN) * probabilities)


def _probability(logits: torch.Tensor) -> torch.Tensor:
    return (logits.sigmoid() - MARGIN) / (1 - 2 * MARGIN)


LINKS = {"probability": (_logit, _probability), "logit": (torch.Tensor.clone, torch.Tensor.clone)}
