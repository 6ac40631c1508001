"""Thumbnails of cases, many in one image, so that the first view loads few files."""

from collections.abc import Sequence

import cv2
import numpy as np

from fidelity.figures.shared.drawn import REFERENCE as COLOUR
from fidelity.pages.explorer.shown_case import ShownCase

SIDE = 104
COLUMNS = 10
# Number of thumbnails in a sheet.
PER_SHEET = COLUMNS * COLUMNS
REFERENCE = tuple(bytes.fromhex(COLOUR.removeprefix("#")))  # RGB


def thumbnail(case: ShownCase, cls: str, *, images: bool) -> np.ndarray:
    """Draw the image with the reference's contour or boxes, or only the reference.

    Returns:
        uint8 (SIDE, SIDE, 3), RGB; the margins beside the image are black.
    """
    height, width = case.shown.size
    scale = SIDE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    drawn = np.zeros((*size, 3), np.uint8)
    reference = case.reference(cls)
    share = cv2.resize(reference.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    if images:
        y0, x0, y1, x1 = (round(edge * scale) for edge in case.shown.box)
        y1, x1 = max(y1, y0 + 1), max(x1, x0 + 1)
        inside = cv2.resize(case.image(), (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        drawn[y0:y1, x0:x1] = inside[: size[0] - y0, : size[1] - x0, None]
    else:
        drawn[share >= 0.5] = np.array(REFERENCE) // 3
    if case.case.reference_kind(cls) == "mask":
        lines, _ = cv2.findContours(
            (share >= 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(drawn, lines, -1, REFERENCE, 1)
    for y0, x0, y1, x1 in (case.boxes(cls) * scale).round().astype(int).tolist():
        cv2.rectangle(drawn, (x0, y0), (max(x0, x1 - 1), max(y0, y1 - 1)), REFERENCE, 1)
    canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
    top, left = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    canvas[top : top + size[0], left : left + size[1]] = drawn
    return canvas


def sheet(thumbnails: Sequence[np.ndarray]) -> bytes:
    """Join thumbnails, row by row, into one JPEG."""
    rows = -(-len(thumbnails) // COLUMNS)
    canvas = np.zeros((rows * SIDE, COLUMNS * SIDE, 3), np.uint8)
    for number, drawn in enumerate(thumbnails):
        top, left = number // COLUMNS * SIDE, number % COLUMNS * SIDE
        canvas[top : top + SIDE, left : left + SIDE] = drawn
    quality = [cv2.IMWRITE_JPEG_QUALITY, 82]
    return cv2.imencode(".jpg", cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR), quality)[1].tobytes()
