"""Marks on the phantom's film, all outside the lungs: the laterality letter, and the shortcut."""

import cv2
import numpy as np

# Possible centres of a mark, as shares of the image side: the sides of the film, top to middle.
_LEFT = [(0.085, y) for y in (0.08, 0.14, 0.20, 0.26, 0.32)]
_RIGHT = [(0.915, y) for y in (0.08, 0.14, 0.20, 0.26, 0.32)]


def draw_letter(image: np.ndarray, lung: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw L or R into (size, size) uint8 at a random place beside the lungs, on its side.

    An R is at the left of the image: the patient's right, as on a frontal film. The letter has its
    own random stream, so that it does not depend on the class.

    Returns:
        (size, size) bool: the place of the letter.
    """
    size = image.shape[0]
    text = "R" if rng.random() < 0.5 else "L"
    height = round(size * rng.uniform(0.040, 0.060))
    bright = int(rng.integers(205, 250))
    row, column = _place(lung, _LEFT if text == "R" else _RIGHT, (height + 4, height + 2), rng)
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(size / 200))
    scale = cv2.getFontScaleFromHeight(font, height, thick)
    cv2.putText(
        image, text, (column + 1, row + height + 1), font, scale, bright, thick, cv2.LINE_AA
    )
    taken = np.zeros_like(lung)
    taken[row : row + height + 4, column : column + height + 2] = True
    return taken


def draw_tag(image: np.ndarray, taken: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the planted shortcut: a small bright label with dark strokes, beside the lungs.

    Args:
        image: (size, size) uint8, changed in place, only inside the returned mask.
        taken: bool mask of pixels that must stay free (lungs and letter).
        rng: the label's own random stream.

    Returns:
        (size, size) bool: the label.
    """
    size = image.shape[0]
    height, width = round(size * 0.065), round(size * 0.105)
    row, column = _place(taken, _LEFT + _RIGHT, (height, width), rng)
    label = np.full((height, width), 240, np.uint8)
    strokes = max(1, round(size / 256))
    for x in np.linspace(0.2, 0.8, 4):
        top = rng.uniform(0.2, 0.4)
        cv2.line(
            label,
            (round(x * width), round(top * height)),
            (round(x * width), round(0.75 * height)),
            70,
            strokes,
        )
    image[row : row + height, column : column + width] = label
    mark = np.zeros_like(taken)
    mark[row : row + height, column : column + width] = True
    return mark


def _place(
    taken: np.ndarray,
    centres: list[tuple[float, float]],
    box: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Return the upper left corner (row, column) of a box near the first free centre.

    The centres are tried in random order.
    """
    size, margin = taken.shape[0], max(2, round(taken.shape[0] / 64))
    jitter = rng.uniform(-0.02, 0.02, (len(centres), 2))
    for index in rng.permutation(len(centres)):
        x, y = np.array(centres[index]) + jitter[index]
        row = int(np.clip(round(y * size - box[0] / 2), 0, size - box[0]))
        column = int(np.clip(round(x * size - box[1] / 2), 0, size - box[1]))
        around = taken[
            max(row - margin, 0) : row + box[0] + margin,
            max(column - margin, 0) : column + box[1] + margin,
        ]
        if not around.any():
            return row, column
    raise RuntimeError(
        "no free place for a mark was found, because the phantom's lungs fill the image"
    )
