"""Distances between two masks of pixels: one transform per mask, shared by all metrics.

One transform serves both point sets, the mask and its boundary. Seen from outside, the nearest
pixel of a mask is always on its boundary. Otherwise, its neighbour one row or column closer would
also be in the mask. Inside the mask, the distance to the full set is 0.
"""

from functools import cached_property

import numpy as np
import scipy

from fidelity.metrics.surface import SurfaceDistances

Spacing = tuple[float, float]
Window = tuple[slice, slice]

WHOLE: Window = (slice(None), slice(None))
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def boundary(mask: np.ndarray) -> np.ndarray:
    """Find the boundary of a mask: mask XOR its erosion by the cross, boolean (H, W).

    The area beyond the image counts as outside, so mask pixels on the image border belong to the
    boundary. This is as in `monai.metrics.utils.get_mask_edges` (1.6.1, without spacing), MedPy and
    MetricsReloaded.

    Args:
        mask: boolean (H, W).
    """
    import cv2  # imported here, because tables need only the facts of metrics

    pixels = np.ascontiguousarray(mask).view(np.uint8)
    eroded = cv2.erode(pixels, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return (pixels ^ eroded).view(bool)


# In images up to this side, points are compared in pairs, up to this number of pairs per pixel of
# the image. Beyond, two distance transforms are faster.
PAIRWISE_SIDE = 2000
PAIRS_PER_PIXEL = 60
# Squared distances in memory at a time, to fit into a core's cache.
BLOCK = 1 << 16


def window_of(*masks: np.ndarray) -> Window:
    """Find the smallest box around all pixels of some masks; the whole image if they are empty.

    All mask pixels are inside, so boundaries and distances among them are the same within the box.
    """
    box = []
    for axis in (1, 0):
        filled = np.flatnonzero(np.any([mask.any(axis=axis) for mask in masks], axis=0))
        if filled.size == 0:
            return WHOLE
        box.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return box[0], box[1]


def distance_to(points: np.ndarray, spacing: Spacing = (1.0, 1.0)) -> np.ndarray:
    """Measure the exact distance of each pixel to the nearest of some points.

    Args:
        points: boolean (h, w), at least one of them true.

    Returns:
        Float array (h, w) in the unit of `spacing`. It is float32 if a pixel is 1 x 1: squares are
        then integers, so that `exact` can restore the exact values.
    """
    if spacing == (1.0, 1.0):
        import cv2

        # cv2 measures the distance to the nearest zero pixel.
        free = (~points).view(np.uint8)
        return cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return scipy.ndimage.distance_transform_edt(~points, sampling=spacing)


def exact(distances: np.ndarray) -> np.ndarray:
    """Turn values from `distance_to` into exact ones, float64.

    Squared distances between pixels are integers, so float32 values are rounded back to them. The
    result is exact where height² + width² < 2²²; beyond, the relative error is below 1e-7.
    """
    if distances.dtype != np.float32:
        return distances
    return np.sqrt(np.rint(np.square(distances, dtype=np.float64)))


class MaskDistances:
    """A mask with its boundary and each pixel's distance to it, both computed when needed.

    Keep one for the reference of a case: all explainers, thresholds and protocols share it.
    """

    def __init__(
        self, mask: np.ndarray, spacing: Spacing = (1.0, 1.0), window: Window = WHOLE
    ) -> None:
        """Wrap a mask.

        Args:
            mask: boolean (H, W).
            spacing: (row, column) size of a pixel in the unit of the distances.
            window: box that contains the mask and every pixel whose distance will be requested.
        """
        self.mask = mask
        self.spacing = spacing
        self.window = window

    @cached_property
    def empty(self) -> bool:
        """Whether the mask has no pixel."""
        return not self.mask.any()

    @property
    def measured(self) -> bool:
        """Whether the distances of all pixels are already computed."""
        return "_to_boundary" in self.__dict__

    @cached_property
    def boundary(self) -> np.ndarray:
        """Boundary pixels, boolean (H, W); see `boundary`."""
        return boundary(self.mask)

    @cached_property
    def _to_boundary(self) -> np.ndarray:
        """Distance to the nearest boundary pixel in the window; infinite for an empty mask."""
        if self.empty:
            return np.full(self.mask[self.window].shape, np.inf, np.float32)
        return distance_to(self.boundary[self.window], self.spacing)

    def distances_from(self, pixels: np.ndarray) -> np.ndarray:
        """Return how far some pixels are from this mask's boundary.

        Args:
            pixels: boolean (H, W), the requested pixels, all inside the window.

        Returns:
            float64 (k,) in row-major order; see `exact`.
        """
        return exact(self._to_boundary[pixels[self.window]])

    def farthest(self, pixels: np.ndarray) -> float:
        """Return the largest of `distances_from`; 0 if no pixel is requested."""
        found = self._to_boundary[pixels[self.window]]
        return float(exact(found.max(keepdims=True))[0]) if found.size else 0.0


def boundary_distances(reference: MaskDistances, prediction: MaskDistances) -> SurfaceDistances:
    """Measure the distances between the boundary pixels of two masks.

    Raises:
        ValueError: a mask is empty or the shapes differ.
    """
    _check(reference, prediction)
    if not (reference.measured and prediction.measured) and (
        found := pairwise(prediction.boundary, reference.boundary, reference.spacing)
    ):
        return SurfaceDistances(*found)
    return SurfaceDistances(
        to_reference=reference.distances_from(prediction.boundary),
        to_prediction=prediction.distances_from(reference.boundary),
    )


def nearest(
    one: np.ndarray, other: np.ndarray, spacing: Spacing = (1.0, 1.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Measure how far the points of two sets are from the nearest point of the other set.

    Args:
        one: boolean (H, W), at least one of them true.
        other: boolean (H, W), at least one of them true.

    Returns:
        float64 (k,) for the points of `one` and (l,) for those of `other`, in row-major order.
    """
    if found := pairwise(one, other, spacing):
        return found
    return exact(distance_to(other, spacing)[one]), exact(distance_to(one, spacing)[other])


def pairwise(
    one: np.ndarray, other: np.ndarray, spacing: Spacing
) -> tuple[np.ndarray, np.ndarray] | None:
    """Compute `nearest` from all pairs of points; None where transforms are faster.

    A matrix product of (y, x, 1, y² + x²) with (-2y, -2x, y² + x², 1) gives the squares. They and
    all terms are integers below 2²⁴, which float32 represents exactly.
    """
    if spacing != (1.0, 1.0) or max(one.shape) > PAIRWISE_SIDE:
        return None
    # Much faster than np.nonzero.
    (y, x), (v, u) = (np.divmod(np.flatnonzero(set_), one.shape[1]) for set_ in (one, other))
    if y.size * v.size > PAIRS_PER_PIXEL * one.size:
        return None
    left = np.stack([y, x, np.ones_like(y), y * y + x * x]).astype(np.float32)
    right = np.stack([-2 * v, -2 * u, v * v + u * u, np.ones_like(v)]).astype(np.float32)
    rows = max(1, BLOCK // v.size)
    to_other, to_one = np.empty(y.size, np.float32), np.full(v.size, np.inf, np.float32)
    for start in range(0, y.size, rows):
        squares = left[:, start : start + rows].T @ right
        squares.min(axis=1, out=to_other[start : start + rows])
        np.minimum(to_one, squares.min(axis=0), out=to_one)
    return np.sqrt(to_other, dtype=np.float64), np.sqrt(to_one, dtype=np.float64)


def hausdorff_full(reference: MaskDistances, prediction: MaskDistances) -> float:
    """Hausdorff distance over the full pixel sets: the larger directed maximum.

    It equals `skimage.metrics.hausdorff_distance` (0.26). A hole is outside the set, so the value
    of an object with a hole differs from the value over boundaries.

    Returns:
        The distance, at least 0, in the unit of the masks' spacing.

    Raises:
        ValueError: a mask is empty or the shapes differ.
    """
    _check(reference, prediction)
    return max(
        reference.farthest(prediction.mask & ~reference.mask),
        prediction.farthest(reference.mask & ~prediction.mask),
    )


def _check(reference: MaskDistances, prediction: MaskDistances) -> None:
    if reference.mask.shape != prediction.mask.shape:
        raise ValueError(
            f"masks differ in shape: {reference.mask.shape} and {prediction.mask.shape}"
        )
    if reference.empty or prediction.empty:
        raise ValueError("an empty mask has no distances; see metrics.conventions")
