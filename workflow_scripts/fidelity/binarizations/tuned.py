"""One threshold per class, chosen on the validation split (`fidelity.binarizations.tuning`)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fidelity.base.files import read_csv
from fidelity.binarizations import fixed


def binarize(
    map01: np.ndarray,
    threshold: float,
    metric: str = "iou",
    thresholds: Sequence[float] | None = None,
) -> tuple[np.ndarray, float]:
    """Keep the pixels strictly above the tuned threshold, as `fixed` does.

    Args:
        map01: float32 (H, W) in [0, 1].
        threshold: threshold of the map's class, from thresholds.csv.
        metric: metric by which the threshold was chosen; not used here.
        thresholds: thresholds that were tried; not used here.
    """
    return fixed.binarize(map01, threshold)


def read_thresholds(path: str | Path) -> dict[str, float]:
    """Read the tuned threshold of each class from thresholds.csv."""
    how = {"dtype": {"class": str}, "keep_default_na": False}
    table = read_csv(path, ("class", "threshold"), **how)
    return dict(zip(table["class"], table["threshold"].astype(float), strict=True))
