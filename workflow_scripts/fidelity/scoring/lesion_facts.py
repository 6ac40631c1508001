"""Measure facts of the lesions of a case that may explain how well they are localized."""

from collections.abc import Iterable

import cv2
import numpy as np
import pandas as pd

from fidelity.analysis.columns.localization import LESIONS
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.case_maps import order_of_row, row_head
from fidelity.maps.pixel_frames import reference_in_frame

# Width of the surrounding ring for a lesion's contrast, as a share of the image's side.
RING = 0.05


def lesion_facts(cases: Iterable[PreparedCase]) -> pd.DataFrame:
    """Measure the lesions of all non-empty references, at the size that the classifier sees.

    Returns:
        The table lesions.parquet, one row per case and class, sorted by split, case and class.
        `columns.localization` describes the columns.
    """
    rows = []
    for case in cases:
        for cls in case.references:
            mask = reference_in_frame(case, cls, "working")
            if mask.any():
                rows.append(row_head(case, cls) | _facts(mask, case))
    rows.sort(key=order_of_row)
    return LESIONS.typed(rows)


def _facts(mask: np.ndarray, case: PreparedCase) -> dict[str, float]:
    """Measure a non-empty mask (S, S) on the image of its case."""
    side, image = len(mask), case.image
    pixels = mask.astype(np.uint8)
    parts, labels, facts, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
    largest = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())
    rows, columns = np.nonzero(labels == largest)
    # The rectangle goes through the centres of pixels, so add 1 to its sides: a line is one pixel
    # wide.
    _, sides, _ = cv2.minAreaRect(np.stack([columns, rows], axis=1).astype(np.float32))
    wide = 2 * max(1, round(RING * side)) + 1
    around = cv2.dilate(pixels, np.ones((wide, wide), np.uint8)).astype(bool) & ~mask
    if case.lung is not None and (around & case.lung).any():
        around &= case.lung  # excludes ribs and heart, which are brighter than any lesion
    inside = float(image[mask].mean())
    outside = float(image[around].mean()) if around.any() else np.nan
    rows, columns = np.nonzero(mask)
    return {
        "lesions": parts - 1,
        "size": float(mask.mean()),
        "elongation": (max(sides) + 1) / (min(sides) + 1),
        "contrast": (inside - outside) / 255,
        "height": float((rows.mean() + 0.5) / side),
        "from_midline": float(abs((columns.mean() + 0.5) / side - 0.5) * 2),
    }
