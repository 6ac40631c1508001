"""Distances between the outlines of two masks, weighted by length, as in surface-distance.

An outline consists of elements: the corners with both mask and background among their four pixels.
The arrangement of these pixels determines the length of outline that belongs to the corner.
"""

import math

import numpy as np

from fidelity.metrics.distance import Spacing, nearest
from fidelity.metrics.surface import SurfaceDistances


def element_lengths(spacing: Spacing) -> np.ndarray:
    """Tabulate the length of outline at a corner by its code.

    Returns:
        float64 (16,), 0 where all four pixels are equal. The code is 8 · upper left + 4 · upper
        right + 2 · lower left + lower right, as in surface-distance 0.1 (Nikolov et al. 2021).
    """
    row, column = spacing
    diagonal = 0.5 * math.hypot(row, column)
    lengths = np.full(16, diagonal)  # one pixel in the mask, or all but one
    lengths[[0, 15]] = 0
    lengths[[3, 12]] = column
    lengths[[5, 10]] = row
    lengths[[6, 9]] = 2 * diagonal
    return lengths


def contour_distances(
    reference: np.ndarray, prediction: np.ndarray, spacing: Spacing = (1.0, 1.0)
) -> SurfaceDistances:
    """Measure the distances between the outlines of two masks, with the lengths of the elements.

    Args:
        reference: boolean (H, W), not empty.
        prediction: boolean (H, W), not empty.

    Raises:
        ValueError: a mask is empty or the shapes differ.
    """
    if reference.shape != prediction.shape:
        raise ValueError(f"masks differ in shape: {reference.shape} and {prediction.shape}")
    if not (reference.any() and prediction.any()):
        raise ValueError("an empty mask has no distances; see metrics.conventions")
    lengths = element_lengths(spacing)
    codes = _codes(prediction), _codes(reference)
    outlines = [(code != 0) & (code != 15) for code in codes]
    of_elements = (lengths[code[on]] for code, on in zip(codes, outlines, strict=True))
    return SurfaceDistances(*nearest(*outlines, spacing), *of_elements)


def _codes(mask: np.ndarray) -> np.ndarray:
    """Code the four pixels around every corner, uint8 (H + 1, W + 1); outside is background."""
    pixels = np.pad(mask, 1).view(np.uint8)
    sides = 2 * pixels[:, :-1] + pixels[:, 1:]
    return 4 * sides[:-1] + sides[1:]
