"""Distances between two masks: one transform per mask, then small functions on the result.

The style is that of DeepMind's surface-distance: `compare` is the costly step, the metrics after it
are one line each. Distances are in pixels of the scored image, between pixel centres.

One transform per mask serves both point sets: seen from outside a mask, its nearest pixel always
lies on its boundary (a step towards the viewer along a row or column would otherwise stay inside
and be nearer), and inside it the distance to the full set is 0.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def boundary(mask: np.ndarray) -> np.ndarray:
    """Find the boundary pixels of a mask: mask XOR its erosion by the cross.

    What lies beyond the image counts as outside, so mask pixels on the image border belong to the
    boundary, as in `monai.metrics.utils.get_mask_edges` (1.6.1, without spacing).

    Args:
        mask: boolean (H, W).

    Returns:
        Boolean (H, W), a subset of the mask.
    """
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    eroded = cv2.erode(pixels, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return (pixels ^ eroded).view(bool)


class MaskDistances:
    """A mask with its boundary and the distance of every pixel to it, each computed when asked for.

    Keep one for the reference of a case: all explainers, thresholds and protocols share it.
    """

    def __init__(self, mask: np.ndarray) -> None:
        """Wrap a boolean (H, W) mask."""
        self.mask = mask

    @cached_property
    def empty(self) -> bool:
        """Whether the mask has no pixel."""
        return not self.mask.any()

    @cached_property
    def boundary(self) -> np.ndarray:
        """Boundary pixels, boolean (H, W); see `boundary`."""
        return boundary(self.mask)

    @cached_property
    def _to_boundary(self) -> np.ndarray:
        """Distance to the nearest boundary pixel, float32 (H, W); infinite for an empty mask."""
        if self.empty:
            return np.full(self.mask.shape, np.inf, np.float32)
        # cv2 measures to the nearest zero pixel.
        return cv2.distanceTransform(
            (~self.boundary).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
        )

    def distances_from(self, pixels: np.ndarray) -> np.ndarray:
        """Look up how far pixels lie from this mask's boundary.

        Args:
            pixels: boolean (H, W), the pixels asked about.

        Returns:
            float64 (k,) in row-major order. Squared distances are integers, so the float32 of the
            transform is rounded back to them: exact where height² + width² < 2²², relative error
            below 1e-7 beyond.
        """
        squared = np.square(self._to_boundary[pixels], dtype=np.float64)
        return np.sqrt(np.rint(squared))


# The name for the shared half of a comparison.
ReferenceDistances = MaskDistances


@dataclass(frozen=True)
class Distances:
    """Directed distances between two masks that are not empty, float64, pixels.

    Attributes:
        full_to_reference: from the predicted pixels outside the reference to it (others are at 0).
        full_to_prediction: from the reference pixels outside the prediction to it.
        boundary_to_reference: from the prediction's boundary to the reference's.
        boundary_to_prediction: from the reference's boundary to the prediction's.
    """

    full_to_reference: np.ndarray
    full_to_prediction: np.ndarray
    boundary_to_reference: np.ndarray
    boundary_to_prediction: np.ndarray


def compare(reference: MaskDistances, prediction: MaskDistances) -> Distances:
    """Compute the four directed distance sets of two masks.

    Args:
        reference: not empty.
        prediction: not empty, of the same shape.

    Returns:
        The sets that the metrics below reduce to one number.

    Raises:
        ValueError: if a mask is empty or the shapes differ.
    """
    if reference.mask.shape != prediction.mask.shape:
        raise ValueError(
            f"masks differ in shape: {reference.mask.shape} and {prediction.mask.shape}"
        )
    if reference.empty or prediction.empty:
        raise ValueError("an empty mask has no distances; see metrics.conventions")
    return Distances(
        full_to_reference=reference.distances_from(prediction.mask & ~reference.mask),
        full_to_prediction=prediction.distances_from(reference.mask & ~prediction.mask),
        boundary_to_reference=reference.distances_from(prediction.boundary),
        boundary_to_prediction=prediction.distances_from(reference.boundary),
    )


def hausdorff_full(distances: Distances) -> float:
    """Hausdorff distance over the full pixel sets, px: the larger directed maximum.

    Equals `skimage.metrics.hausdorff_distance`. A hole is outside the set: an object with a hole
    has another value here than over boundaries.
    """
    return float(
        max(
            distances.full_to_reference.max(initial=0.0),
            distances.full_to_prediction.max(initial=0.0),
        )
    )


def hausdorff_boundary(distances: Distances) -> float:
    """Hausdorff distance over the boundary pixels, px: the larger directed maximum.

    Equals MONAI's `compute_hausdorff_distance` (1.6.1).
    """
    return float(max(distances.boundary_to_reference.max(), distances.boundary_to_prediction.max()))


def hd95_boundary(distances: Distances) -> float:
    """95th percentile Hausdorff distance over the boundary pixels, px.

    The larger of the two directed 95th percentiles, each with linear interpolation: equals MONAI's
    `compute_hausdorff_distance(percentile=95)` (1.6.1). MedPy pools both directions instead, and
    surface-distance weights by boundary length.
    """
    return float(
        max(
            np.quantile(distances.boundary_to_reference, 0.95),
            np.quantile(distances.boundary_to_prediction, 0.95),
        )
    )
