"""Make boxes from a map: threshold, connected parts, their bounding rectangles."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    from fidelity.settings.statistics import Boxes

# Thresholds of Wang et al. 2017, on maps from 0 to 255.
CHESTXRAY8 = (60 / 255, 180 / 255)


@dataclass(frozen=True)
class BoxRule:
    """How a map becomes boxes.

    Attributes:
        threshold: pixels strictly above it count, in [0, 1).
        of: what the threshold is a share of: the `maximum` of the map, or `absolute`, the value on
            the scale from 0 to 1. They differ where a map's highest value is below 1.
        connectivity: whether pixels that touch at a corner are connected (8) or not (4).
    """

    threshold: float = 0.5
    of: Literal["maximum", "absolute"] = "maximum"
    connectivity: Literal[4, 8] = 8
    keep: Literal["all", "largest"] = "all"

    @classmethod
    def of_settings(cls, settings: "Boxes") -> "BoxRule":
        """Read the rule from the config's `scores.boxes`."""
        return cls(settings.threshold, settings.of, settings.connectivity, settings.keep)

    def value(self, map01: np.ndarray) -> float:
        """Return the threshold on the scale of the map."""
        return self.threshold * (float(map01.max()) if self.of == "maximum" else 1.0)


def boxes_of_map(map01: np.ndarray, rule: BoxRule) -> tuple[np.ndarray, np.ndarray]:
    """Bound the parts of a map that are above a threshold.

    Args:
        map01: float32 (H, W) in [0, 1].

    Returns:
        Boxes, float64 (k, 4), the part with most pixels first, and their scores, float64 (k,). A
        score is the mean of the map over the part, in (0, 1] (as in wsrpn, Müller et al. 2024). An
        all-zero map has no box.
    """
    above = map01 > np.float32(rule.value(map01))
    labels, boxes, sizes = _parts(above, rule.connectivity)
    sums = np.bincount(labels.ravel(), map01.ravel(), len(sizes) + 1)[1:]
    order = np.argsort(-sizes, kind="stable")[: 1 if rule.keep == "largest" else None]
    return boxes[order], (sums / sizes)[order]


def chestxray8_boxes(map01: np.ndarray) -> np.ndarray:
    """Make the boxes of Wang et al. 2017 (ChestX-ray8), at the two thresholds 60 and 180.

    "The intensities in heatmaps are first normalized to [0, 255] and then thresholded by {60, 180}
    individually. Finally, B-Boxes are generated to cover the isolated regions."

    Args:
        map01: float32 (H, W) in [0, 1].

    Returns:
        Boxes, float64 (k, 4), sorted; a box that both thresholds give counts once.
    """
    rules = [BoxRule(level, "absolute") for level in CHESTXRAY8]
    return np.unique(np.concatenate([boxes_of_map(map01, rule)[0] for rule in rules]), axis=0)


def boxes_of_mask(mask: np.ndarray) -> np.ndarray:
    """Bound the 8-connected parts of a mask, boolean (H, W): float64 (k, 4), row by row."""
    return _parts(mask, 8)[1]


def _parts(mask: np.ndarray, connectivity: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label connected parts from 1, by their first pixels; return also boxes and sizes."""
    _, labels, found, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask).view(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S
    )
    x, y, width, height, size = found[1:].T
    return labels, np.stack([y, x, y + height, x + width], axis=1).astype(np.float64), size
