"""The bounding rectangles of the pixels above a threshold."""

from typing import Literal

import numpy as np

from fidelity.masks.boxes import fill_boxes
from fidelity.metrics.boxes.from_maps import BoxRule, boxes_of_map


def binarize(
    map01: np.ndarray,
    threshold: float = 0.5,
    of: Literal["maximum", "absolute"] = "maximum",
    connectivity: Literal[4, 8] = 8,
    keep: Literal["all", "largest"] = "all",
) -> tuple[np.ndarray, float]:
    """Fill the boxes of a map: boolean (H, W), and the threshold on the map's scale.

    Args:
        map01: float32 (H, W) in [0, 1].
        threshold: the boxes enclose the values strictly above it; in [0, 1).
        of: what the threshold is a share of; see `BoxRule`.
        connectivity: whether pixels that touch only at a corner are connected (8) or not (4).
    """
    rule = BoxRule(threshold, of, connectivity, keep)
    boxes, _ = boxes_of_map(map01, rule)
    return fill_boxes(boxes.tolist(), map01.shape), rule.value(map01)
