"""Similarity of two saliency maps: the measures of the sanity checks and of repeatability."""

import numpy as np
import scipy
import skimage

from fidelity.maps.saliency_map import SaliencyMap, Sign, normalise, raw_map


def similarities(
    one: SaliencyMap, other: SaliencyMap, size: tuple[int, int], sign: Sign
) -> dict[str, float]:
    """Compare two maps of one image as Adebayo et al. 2018 do.

    Args:
        size: (height, width) at which they are compared, at least 7 × 7 pixels.
        sign: the part of a map that is scored, for SSIM.

    Returns:
        `spearman`, the rank correlation of the pixels; `abs_spearman`, that of their absolute
        values; both in [-1, 1], nan where a map is constant. `ssim`, structural similarity (Wang et
        al. 2004; 7 × 7 windows) of the maps as they are scored, sign taken and scaled to [0, 1].
    """
    signed = [raw_map(each, size) for each in (one, other)]
    scored = [normalise(raw_map(each, size, sign), sign) for each in (one, other)]
    return {
        "spearman": rank_correlation(*signed),
        "abs_spearman": rank_correlation(*map(np.abs, signed)),
        "ssim": float(skimage.metrics.structural_similarity(*scored, data_range=1.0)),
    }


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Compute Spearman's correlation, with mean ranks for ties; nan where one is constant."""
    first, second = (scipy.stats.rankdata(each.reshape(-1)) for each in (one, other))
    first, second = first - first.mean(), second - second.mean()
    power = float(first @ first) * float(second @ second)
    return float(first @ second) / power**0.5 if power > 0 else float("nan")
