"""A reference and a prediction to compare; what several metrics use is computed once."""

import math
from functools import cached_property
from typing import Literal

import numpy as np

from fidelity.metrics.contour import contour_distances
from fidelity.metrics.distance import (
    MaskDistances,
    Spacing,
    boundary_distances,
    hausdorff_full,
    window_of,
)
from fidelity.metrics.overlap import Confusion, confusion
from fidelity.metrics.surface import SurfaceDistances

Unit = Literal["px", "mm", "diagonal"]


class MaskPair:
    """Two masks of one shape; counts and distances are computed when first needed."""

    def __init__(
        self,
        reference: MaskDistances | np.ndarray,
        prediction: np.ndarray,
        spacing: Spacing | None = None,
    ) -> None:
        """Store two masks.

        Args:
            reference: boolean (H, W), or distances in pixels to be shared with other pairs.
            prediction: boolean (H, W).
            spacing: (row, column) size of a pixel in mm; None if unknown.

        Raises:
            ValueError: the shapes differ.
        """
        shared = isinstance(reference, MaskDistances)
        truth = reference.mask if shared else reference
        if truth.shape != prediction.shape:
            raise ValueError(f"masks differ in shape: {truth.shape} and {prediction.shape}")
        self.window = window_of(truth, prediction)
        self.reference = reference if shared else MaskDistances(truth, window=self.window)
        self.prediction = MaskDistances(prediction, window=self.window)
        self.spacing = spacing
        self._surfaces: dict[tuple[str, Unit], SurfaceDistances] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.prediction.mask.shape

    @cached_property
    def confusion(self) -> Confusion:
        """Pixel counts of agreement."""
        return confusion(self.reference.mask, self.prediction.mask)

    def diagonal(self, unit: Unit) -> float:
        """Return the diagonal of the image in a unit; NaN in mm where the spacing is unknown."""
        if unit == "diagonal":
            return 1.0
        row, column = self._size_in(unit)
        return math.hypot(self.shape[0] * row, self.shape[1] * column)

    def _size_in(self, unit: Unit) -> Spacing:
        """Return the (row, column) size of a pixel in px or mm."""
        if unit == "px":
            return 1.0, 1.0
        return self.spacing or (math.nan, math.nan)

    @cached_property
    def _anisotropic(self) -> tuple[MaskDistances, MaskDistances]:
        """Both masks with distances in mm, for pixels whose rows and columns differ in size."""
        return tuple(
            MaskDistances(mask.mask, self.spacing, self.window)
            for mask in (self.reference, self.prediction)
        )

    def _factor(self, unit: Unit) -> float | None:
        """Return the size of a pixel in a unit; None if it is not square."""
        if unit == "diagonal":
            return 1.0 / self.diagonal("px")
        row, column = self._size_in(unit)
        return None if row != column and not math.isnan(row) else row

    def surfaces(self, surface: str, unit: Unit) -> SurfaceDistances:
        """Measure the distances between the surfaces, once for all metrics.

        Args:
            unit: of the distances; all are NaN in mm where the spacing is unknown.

        Raises:
            ValueError: a mask is empty.
        """
        key = surface, unit
        if key not in self._surfaces:
            self._surfaces[key] = self._measure(surface, unit)
        return self._surfaces[key]

    def _measure(self, surface: str, unit: Unit) -> SurfaceDistances:
        factor = self._factor(unit)
        if unit != "px" and factor is not None:
            return self.surfaces(surface, "px").scaled(factor)
        if surface == "contour":
            masks = (mask.mask[self.window] for mask in (self.reference, self.prediction))
            return contour_distances(*masks, self._size_in(unit))
        if unit == "px":
            return boundary_distances(self.reference, self.prediction)
        return boundary_distances(*self._anisotropic)

    @cached_property
    def _full_px(self) -> float:
        return hausdorff_full(self.reference, self.prediction)

    def hausdorff_full(self, unit: Unit) -> float:
        """Measure the Hausdorff distance over the full sets; see `distance.hausdorff_full`."""
        factor = self._factor(unit)
        return hausdorff_full(*self._anisotropic) if factor is None else self._full_px * factor
