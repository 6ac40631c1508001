"""A reference and a prediction to be compared, with what the metrics share computed once."""

from functools import cached_property

import numpy as np

from fidelity.metrics.distance import Distances, MaskDistances, compare
from fidelity.metrics.overlap import Confusion, confusion


class MaskPair:
    """Two masks of one shape; counts and distances are computed when first asked for."""

    def __init__(self, reference: MaskDistances | np.ndarray, prediction: np.ndarray) -> None:
        """Take a reference (boolean (H, W), or shared distances) and a boolean (H, W) prediction.

        Raises:
            ValueError: if the shapes differ.
        """
        if isinstance(reference, np.ndarray):
            reference = MaskDistances(reference)
        if reference.mask.shape != prediction.shape:
            raise ValueError(
                f"masks differ in shape: {reference.mask.shape} and {prediction.shape}"
            )
        self.reference = reference
        self.prediction = MaskDistances(prediction)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.prediction.mask.shape

    @cached_property
    def confusion(self) -> Confusion:
        """Pixel counts of agreement."""
        return confusion(self.reference.mask, self.prediction.mask)

    @cached_property
    def distances(self) -> Distances:
        """Directed distances; raises ValueError if a mask is empty."""
        return compare(self.reference, self.prediction)
