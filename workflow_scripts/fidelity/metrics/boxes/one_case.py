"""Scores of the boxes and the map of one image."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fidelity.masks.boxes import fill_boxes
from fidelity.metrics import map_metrics
from fidelity.metrics.boxes.geometry import box_iobb, box_iou
from fidelity.metrics.boxes.lesions import Hit, lesions_found
from fidelity.metrics.map_metrics import MapPair


@dataclass(frozen=True)
class BoxCase:
    """Predicted and reference boxes of one image and class, and the map.

    All scores are NaN if there is no reference box, and 0 if nothing is predicted.

    Attributes:
        predicted: boxes (k, 4).
        scores: of the predicted boxes, (k,).
        reference: boxes (m, 4), one per lesion.
        map01: float32 (H, W) in [0, 1].
        relevance: float (H, W), at least 0: the map's positive part in its own unit.
    """

    predicted: np.ndarray
    scores: np.ndarray
    reference: np.ndarray
    map01: np.ndarray
    relevance: np.ndarray | None = None
    tolerance: float = 15
    hit: Hit = "centre"

    @cached_property
    def filled(self) -> MapPair:
        """The map with the reference boxes, filled, as its mask."""
        mask = fill_boxes(self.reference.tolist(), self.map01.shape)
        return MapPair(self.map01, mask, None, self.tolerance, self.relevance)

    def _highest(self, overlap: np.ndarray) -> float:
        return float(overlap.max(initial=0)) if len(self.reference) else math.nan

    @property
    def iou(self) -> float:
        """Highest IoU between any predicted and any reference box, in [0, 1]."""
        return self._highest(box_iou(self.predicted, self.reference))

    @property
    def iobb(self) -> float:
        """Highest IoBB between any predicted and any reference box, in [0, 1]."""
        return self._highest(box_iobb(self.predicted, self.reference))

    @property
    def corloc(self) -> float:
        """IoU of the predicted box of the highest score with its best reference box, in [0, 1]."""
        best = self.predicted[np.argsort(-self.scores, kind="stable")[:1]]
        return self._highest(box_iou(best, self.reference))

    @property
    def found(self) -> int:
        """Number of lesions that a predicted box finds."""
        return lesions_found(self.predicted, self.reference, self.hit)

    @property
    def recall(self) -> float:
        """Share of the lesions that a predicted box finds, in [0, 1]."""
        return self.found / len(self.reference) if len(self.reference) else math.nan

    @property
    def energy(self) -> float:
        """Share of the map's positive relevance inside the boxes, in [0, 1].

        The energy-based pointing game (Wang et al. 2020, Score-CAM).
        """
        return map_metrics.relevance_mass(self.filled)

    @property
    def pointing(self) -> float:
        """Expected hit of the map's maximum, in [0, 1]; see `map_metrics.pointing_game`."""
        return map_metrics.pointing_game(self.filled)

    @property
    def pointing_tolerance(self) -> float:
        """As `pointing`, within a tolerance; see `map_metrics.pointing_game_tolerance`."""
        return map_metrics.pointing_game_tolerance(self.filled)
