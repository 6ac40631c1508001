"""Maps and reference boxes for the tests of box metrics: none, one, many, border, pixel."""

import numpy as np

SHAPE = (40, 48)


def _blob(y: float, x: float, height: float, width: float) -> np.ndarray:
    """Draw a smooth hill in whole multiples of 1/255, which are equal on every machine."""
    rows, columns = np.indices(SHAPE)
    hill = 1 / (1 + ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2)
    return np.rint(hill * 255) / 255


def _maps() -> dict[str, np.ndarray]:
    one = _blob(18, 20, 6, 9)
    far = _blob(30, 40, 3, 3)
    pixel = np.zeros(SHAPE)
    pixel[11, 13] = 1
    ring = np.zeros(SHAPE)
    ring[8:30, 10:36] = 0.8
    ring[14:22, 18:28] = 0.2
    checks = np.zeros(SHAPE)
    checks[4:20:4, 6:30:5] = 1
    checks[5:20:4, 7:30:5] = 0.6  # these pixels touch the others only at corners
    return {
        "none": np.zeros(SHAPE),
        "one": one,
        "many": np.maximum(one, 0.9 * far),
        "border": _blob(0, 47, 8, 12),
        "whole": np.ones(SHAPE),
        "pixel": pixel,
        "ring": ring,
        "checks": checks,
        "low": 0.5 * one,
    }


# Values are from 0 to 1, float32, as the product renders maps.
MAPS = {name: map01.astype(np.float32) for name, map01 in _maps().items()}
# (y0, x0, y1, x1), half-open.
REFERENCES: dict[str, list[tuple[float, float, float, float]]] = {
    "none": [],
    "one": [(12, 10, 26, 31)],
    "many": [(13, 12, 24, 29), (26, 36, 35, 45), (1, 1, 6.5, 7.25)],
    "border": [(0, 36, 9, 48)],
    "whole": [(0, 0, 40, 48)],
    "pixel": [(11, 13, 12, 14)],
    "overlapping": [(10, 10, 25, 30), (12, 15, 30, 35)],
}
