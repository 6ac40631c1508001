"""Measure how far explanations with different seeds agree, and how precise one of them is."""

from itertools import combinations

import numpy as np
import scipy

from fidelity.metrics.overlap import agreement


def top_mask(weights: np.ndarray, segments: np.ndarray, top: int) -> np.ndarray:
    """Mask the `top` superpixels of highest positive weight, as the binarization `superpixels`.

    Args:
        weights: (k,).
        segments: labels 0 … k-1 (H, W).
        top: largest number of superpixels to keep; among ties, lower labels come first.

    Returns:
        Boolean (H, W).
    """
    keep = np.zeros(len(weights), bool)
    keep[np.argsort(-weights, kind="stable")[:top]] = True
    return (keep & (weights > 0))[segments]


def stability(weights: np.ndarray, segments: np.ndarray, top: int) -> dict[str, float | None]:
    """Compare one image's explanations by several seeds, for the same superpixels.

    Args:
        weights: (repeats, k).
        segments: labels 0 … k-1 (H, W).
        top: see `top_mask`.

    Returns:
        stability_iou: the mean IoU, over pairs of repeats, of the masks of the top superpixels;
        pixels are counted, and two empty masks count as 1. stability_rank: the mean Spearman
        correlation of the coefficients over pairs; None where one is constant.
    """
    masks = [top_mask(row, segments, top) for row in weights]
    pairs = list(combinations(range(len(weights)), 2))
    ious = [agreement(masks[a], masks[b]) for a, b in pairs]
    ranks = [
        scipy.stats.spearmanr(weights[a], weights[b]).statistic
        for a, b in pairs
        if np.ptp(weights[a]) > 0 and np.ptp(weights[b]) > 0
    ]
    complete = len(ranks) == len(pairs)
    return {
        "stability_iou": float(np.mean(ious)),
        "stability_rank": float(np.mean(ranks)) if complete else None,
    }


def separated(weights: np.ndarray, half_widths: np.ndarray, top: int) -> bool:
    """Check whether intervals separate the `top` highest coefficients from the rest.

    Args:
        weights: (k,).
        half_widths: (k,), half widths of the intervals; nan = not known yet.

    Returns:
        Whether the lowest lower end of the top lies above the highest upper end of the rest.
    """
    if len(weights) <= top:
        return True
    order = np.argsort(-weights, kind="stable")
    low = (weights - half_widths)[order[:top]].min()
    return bool(low > (weights + half_widths)[order[top:]].max())


def z_of(level: float) -> float:
    """Return the factor from standard errors to half widths of intervals of a given level."""
    return float(scipy.stats.norm.ppf((1 + level) / 2))
