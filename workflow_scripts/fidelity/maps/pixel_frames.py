"""The pixel frame of maps, references and lungs: the original image or the classifier's input."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fidelity.base.errors import InputError
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.saliency_map import SaliencyMap, Sign, render, render_relevance
from fidelity.masks.boxes import Box
from fidelity.masks.run_lengths import at_size, decode

ScoringSize = Literal["original", "working"]


@dataclass(frozen=True)
class Frame:
    """The pixel frame in which a case is scored; the classifier saw its part (y0, x0, y1, x1)."""

    size: tuple[int, int]
    box: Box


def frame_of(case: PreparedCase, scoring_size: ScoringSize) -> Frame:
    """Choose the frame of a case: the native image, or what the classifier saw of it.

    Raises:
        InputError: the scoring size is unknown.
    """
    if scoring_size == "original":
        return Frame(case.native_size, case.box)
    if scoring_size == "working":
        height, width = case.image.shape
        return Frame((height, width), (0, 0, height, width))
    raise InputError(
        f"unknown scoring size {scoring_size!r}",
        field="scoring_size",
        remedy="Use original or working",
    )


def map_in_frame(
    saliency: SaliencyMap, case: PreparedCase, scoring_size: ScoringSize, sign: Sign
) -> np.ndarray:
    """Render and normalise a map in the frame: float32 (H, W) in [0, 1]; see `saliency_map`."""
    frame = frame_of(case, scoring_size)
    return render(saliency, frame.box, frame.size, sign)


def relevance_in_frame(
    saliency: SaliencyMap, case: PreparedCase, scoring_size: ScoringSize, sign: Sign
) -> np.ndarray:
    """Render the positive relevance in the frame, without scaling: float32 (H, W) ≥ 0."""
    frame = frame_of(case, scoring_size)
    return render_relevance(saliency, frame.box, frame.size, sign)


def reference_in_frame(case: PreparedCase, cls: str, scoring_size: ScoringSize) -> np.ndarray:
    """Decode the reference mask of a source class; boolean (H, W) in the frame.

    Raises:
        KeyError: the case has no reference of that class.
    """
    return in_frame(decode(case.references[cls]), case, scoring_size)


def lung_in_frame(case: PreparedCase, scoring_size: ScoringSize) -> np.ndarray | None:
    """Decode the lung mask; boolean (H, W) in the frame, None if the case has none."""
    if case.lung_native is None:
        return None
    return in_frame(decode(case.lung_native), case, scoring_size)


def boxes_in_frame(case: PreparedCase, cls: str, scoring_size: ScoringSize) -> np.ndarray | None:
    """Return the boxes that readers drew for a source class, in the frame.

    Returns:
        float64 (m, 4), one box per lesion. Boxes are cut at the edges of the frame; boxes outside
        it are left out. The array is empty if readers found nothing, and None if the class was not
        annotated with boxes.
    """
    if cls not in case.reference_boxes:
        return None
    y0, x0, y1, x1 = case.box if scoring_size == "working" else (0, 0, *case.native_size)
    height, width = frame_of(case, scoring_size).size
    found = np.array(case.reference_boxes[cls], np.float64).reshape(-1, 4) - (y0, x0, y0, x0)
    found *= np.tile((height / (y1 - y0), width / (x1 - x0)), 2)
    found = np.clip(found, 0, (height, width, height, width))
    return found[(found[:, 2:] > found[:, :2]).all(axis=1)]


def in_frame(mask: np.ndarray, case: PreparedCase, scoring_size: ScoringSize) -> np.ndarray:
    """Crop a native mask, boolean (H, W), to what the frame shows and resize it to the frame."""
    frame = frame_of(case, scoring_size)
    if scoring_size == "original":
        return mask
    y0, x0, y1, x1 = case.box
    return at_size(mask[y0:y1, x0:x1], frame.size)
