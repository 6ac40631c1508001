"""Metrics of two surfaces: small functions of the distances from each to the other.

The style is that of DeepMind's surface-distance. Measuring the distances takes most of the time
(`distance` for boundary pixels, `contour` for outlines between pixels); each metric is one line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Percentile = Literal["directed", "pooled", "weighted"]


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances between the surfaces of two non-empty masks, float64, in one unit.

    Attributes:
        to_reference: (k,), from each surface element of the prediction to the reference's surface.
        to_prediction: (l,), from each surface element of the reference to the prediction's.
        prediction_lengths: (k,), length of each element; None where all count the same.
        reference_lengths: (l,), the same for the reference.
    """

    to_reference: np.ndarray
    to_prediction: np.ndarray
    prediction_lengths: np.ndarray | None = None
    reference_lengths: np.ndarray | None = None

    def scaled(self, factor: float) -> "SurfaceDistances":
        """Convert the distances to another unit; lengths stay, because only their ratios count."""
        return SurfaceDistances(
            self.to_reference * factor,
            self.to_prediction * factor,
            self.prediction_lengths,
            self.reference_lengths,
        )


def maximum(distances: SurfaceDistances) -> float:
    """Hausdorff distance of the surfaces: the larger directed maximum.

    Over boundary pixels it equals MONAI's `compute_hausdorff_distance` (1.6.1), MedPy's `hd`
    (0.5.2) and MetricsReloaded's `measured_hausdorff_distance`. Over contours it equals
    surface-distance's `compute_robust_hausdorff` at 100 percent.
    """
    return float(max(distances.to_reference.max(), distances.to_prediction.max()))


def directed_95(distances: SurfaceDistances) -> float:
    """95th percentile Hausdorff distance: the larger of the two directed percentiles.

    Each percentile uses linear interpolation and no weights. It equals MONAI's
    `compute_hausdorff_distance(percentile=95)` and MetricsReloaded's `hd_perc`.
    """
    return max(_quantile(distances.to_reference, 0.95), _quantile(distances.to_prediction, 0.95))


def pooled_95(distances: SurfaceDistances) -> float:
    """95th percentile of both directions taken together: equals MedPy's `hd95` (0.5.2)."""
    return _quantile(np.concatenate([distances.to_reference, distances.to_prediction]), 0.95)


def weighted_95(distances: SurfaceDistances) -> float:
    """Larger of the two distances below which 95 % of a surface's length lie.

    It equals surface-distance's `compute_robust_hausdorff` at 95 percent (0.1).
    """
    return max(
        _weighted_quantile(distances.to_reference, distances.prediction_lengths, 0.95),
        _weighted_quantile(distances.to_prediction, distances.reference_lengths, 0.95),
    )


PERCENTILES: dict[Percentile, Callable[[SurfaceDistances], float]] = {
    "directed": directed_95,
    "pooled": pooled_95,
    "weighted": weighted_95,
}


def mean_distance(distances: SurfaceDistances) -> float:
    """Average symmetric surface distance: the mean over the elements of both surfaces.

    It equals MedPy's `assd` (0.5.2), MONAI's `compute_average_surface_distance(symmetric=True)` and
    MetricsReloaded's `measured_average_distance`.
    """
    both = np.concatenate([distances.to_reference, distances.to_prediction])
    return float(np.average(both, weights=_lengths(distances)))


def share_within(distances: SurfaceDistances, tolerance: float) -> float:
    """Normalised surface Dice, in [0, 1]: share of both surfaces at most `tolerance` apart.

    Nikolov et al. 2021. Over boundary pixels it equals MONAI's `compute_surface_dice`; over
    contours it equals surface-distance's `compute_surface_dice_at_tolerance`.
    """
    both = np.concatenate([distances.to_reference, distances.to_prediction])
    return float(np.average(both <= tolerance, weights=_lengths(distances)))


def _lengths(distances: SurfaceDistances) -> np.ndarray | None:
    if distances.prediction_lengths is None:
        return None
    return np.concatenate([distances.prediction_lengths, distances.reference_lengths])


def _quantile(values: np.ndarray, share: float) -> float:
    """Interpolate linearly, as np.quantile does, but several times faster."""
    position = share * (values.size - 1)
    low = int(position)
    high = min(low + 1, values.size - 1)
    ordered = np.sort(values)
    lower, upper = float(ordered[low]), float(ordered[high])
    return lower + (upper - lower) * (position - low)


def _weighted_quantile(values: np.ndarray, lengths: np.ndarray, share: float) -> float:
    order = np.lexsort((lengths, values))
    cumulative = np.cumsum(lengths[order]) / np.sum(lengths)
    index = int(np.searchsorted(cumulative, share))
    return float(values[order][min(index, values.size - 1)])
