"""Masks that often break metrics. The tests against other libraries share them."""

from itertools import product

import numpy as np

SHAPE = (40, 56)


def _disc(row: int, column: int, radius: int) -> np.ndarray:
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def masks() -> dict[str, np.ndarray]:
    """Return named boolean masks of one shape, including an empty one."""
    rng = np.random.default_rng(0)
    pixel = np.zeros(SHAPE, bool)
    pixel[30, 7] = True
    corner = np.zeros(SHAPE, bool)
    corner[-1, -1] = True
    border = np.zeros(SHAPE, bool)
    border[:12, 40:] = True
    return {
        "empty": np.zeros(SHAPE, bool),
        "full": np.ones(SHAPE, bool),
        "pixel": pixel,
        "corner": corner,
        "border": border,
        "disc": _disc(20, 20, 9),
        "ring": _disc(20, 22, 14) & ~_disc(20, 22, 6),
        "components": _disc(8, 8, 5) | _disc(30, 45, 7) | pixel,
        "sparse": rng.random(SHAPE) < 0.02,
        "noise": rng.random(SHAPE) < 0.5,
        "line": np.arange(SHAPE[0])[:, None] == np.full(SHAPE[1], 17)[None, :],
    }


MASKS = masks()
PAIRS = list(product(MASKS, MASKS))
FILLED_PAIRS = [pair for pair in PAIRS if "empty" not in pair]
