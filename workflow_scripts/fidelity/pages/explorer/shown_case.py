"""A case in the explorer: in the frame in which it is scored, reduced if that is large."""

from dataclasses import dataclass

import cv2
import numpy as np

from fidelity.datasets.prepared import PreparedCase
from fidelity.figures.shared.drawn import scaled_box
from fidelity.maps.pixel_frames import (
    Frame,
    ScoringSize,
    boxes_in_frame,
    frame_of,
    lung_in_frame,
    map_in_frame,
    reference_in_frame,
)
from fidelity.maps.saliency_map import SaliencyMap, Sign, render
from fidelity.masks.run_lengths import at_size

# Frames whose longer side is at most this many pixels are not reduced, so scores are exact.
LARGEST = 512


@dataclass(frozen=True)
class ShownCase:
    """A case as scored, and as shown: with at most `LARGEST` pixels on its longer side."""

    case: PreparedCase
    scoring_size: ScoringSize
    scored: Frame
    shown: Frame

    @property
    def reduced(self) -> bool:
        """Whether it is shown smaller than it is scored."""
        return self.shown.size != self.scored.size

    def image(self) -> np.ndarray:
        """Return the working image, uint8 (h, w); it fills the box of the frame."""
        image = self.case.image
        if max(image.shape) <= LARGEST:
            return image
        return cv2.resize(image, (LARGEST, LARGEST), interpolation=cv2.INTER_AREA)

    def reference(self, cls: str) -> np.ndarray:
        """Return the reference of a class, boolean (H, W)."""
        return self.mask(reference_in_frame(self.case, cls, self.scoring_size))

    def boxes(self, cls: str) -> np.ndarray:
        """Return the boxes that readers drew for a class, float64 (m, 4); empty if they drew none.

        They are (y0, x0, y1, x1), one per lesion, in pixels of the shown frame.
        """
        found = boxes_in_frame(self.case, cls, self.scoring_size)
        if found is None:
            return np.empty((0, 4))
        return found * np.tile(np.divide(self.shown.size, self.scored.size), 2)

    def mask(self, scored: np.ndarray) -> np.ndarray:
        """Resize a boolean mask from the scored to the shown size by nearest neighbour."""
        return at_size(scored, self.shown.size)

    def map01(self, saliency: SaliencyMap, sign: Sign, *, lung: bool) -> np.ndarray:
        """Render a map as the sweep does: float32 (H, W) in [0, 1]."""
        if not self.reduced:
            map01 = map_in_frame(saliency, self.case, self.scoring_size, sign)
        else:
            map01 = render(saliency, self.shown.box, self.shown.size, sign)
        inside = lung_in_frame(self.case, self.scoring_size) if lung else None
        return map01 if inside is None else map01 * self.mask(inside)


def shown_case(case: PreparedCase, scoring_size: ScoringSize) -> ShownCase:
    """Choose the frame in which a case is shown."""
    scored = frame_of(case, scoring_size)
    scale = LARGEST / max(scored.size)
    if scale >= 1:
        return ShownCase(case, scoring_size, scored, scored)
    height, width = (max(1, round(side * scale)) for side in scored.size)
    size = height, width
    shown = Frame(size, scaled_box(scored.box, scored.size, size))
    return ShownCase(case, scoring_size, scored, shown)
