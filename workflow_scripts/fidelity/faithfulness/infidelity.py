"""Infidelity: the error of a map in predicting how the logit changes when squares are removed.

From Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations, with their perturbation
"square removal" and their optimal scaling. It equals `captum.metrics.infidelity(normalize=True)`,
except that the scaling is never negative; see `infidelity`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fidelity.faithfulness.removal import Fill, background

NAMES = ("infidelity", "infidelity_relative")
Logits = Callable[[np.ndarray, int], np.ndarray]
"""Logit (n,) of the class with an index, of grey images float32 (n, H, W) in [0, 1]."""


@dataclass(frozen=True)
class Squares:
    """The squares that are removed from an image.

    Attributes:
        samples: squares per map; each needs one forward pass.
        side: side of a square as a share of the image's side, in (0, 1].
    """

    samples: int
    side: float
    fill: Fill


def measure_infidelity(
    image: np.ndarray,
    values: np.ndarray,
    target: int,
    logits: Logits,
    squares: Squares,
    *,
    derivative: bool,
    seed: int,
) -> dict[str, float]:
    """Measure the infidelity of one map.

    Args:
        image: grey (H, W) in [0, 1], as the classifier sees it.
        values: signed attributions (H, W), in any unit.
        target: index of the explained class.
        derivative: whether the map consists of derivatives. If so, it is multiplied by the change
            of the pixels, otherwise by whether they changed (the paper's local and global
            attributions).

    Returns:
        `infidelity` in squared logits, at least 0, and `infidelity_relative` in [0, 1]. The latter
        is `infidelity` divided by the infidelity of a map of zeros; nan if removing squares changes
        nothing.
    """
    image = image.astype(np.float32)
    removed = square_masks(image.shape, squares, seed)
    other = background(image, squares.fill)
    changed = np.where(removed, other, image)
    answers = logits(np.concatenate([image[None], changed]), target).astype(np.float64)
    drops = answers[0] - answers[1:]
    multiplied = (image - changed) if derivative else removed
    foretold = multiplied.reshape(len(removed), -1) @ values.reshape(-1).astype(np.float64)
    found = infidelity(foretold, drops)
    whole = float(np.mean(drops**2))
    return {"infidelity": found, "infidelity_relative": found / whole if whole > 0 else np.nan}


def infidelity(foretold: np.ndarray, drops: np.ndarray) -> float:
    """Return the mean squared error of the map's prediction, after the best scaling of the map.

    A map has no unit (a CAM's and a surrogate's values differ by orders of magnitude). So it is
    scaled by the factor that minimises the error, as in the paper's code. Here the factor is at
    least 0. The paper's factor may be negative, and then an inverted map would score as well as the
    map.

    Args:
        foretold: (n,) sums of the map over what was removed.
        drops: (n,) logit of the image minus the logit of the changed image.
    """
    power = float(foretold @ foretold)
    scale = max(float(foretold @ drops) / power, 0.0) if power > 0 else 0.0
    return float(np.mean((scale * foretold - drops) ** 2))


def square_masks(shape: tuple[int, int], squares: Squares, seed: int) -> np.ndarray:
    """Sample random squares: boolean (samples, H, W).

    Squares may extend beyond the image, so that each pixel is equally likely to be removed. Squares
    inside the image would hardly ever cover the corners, where marks and text are.
    """
    height, width = shape
    side = max(1, round(squares.side * min(shape)))
    rng = np.random.default_rng(seed)
    tops = rng.integers(1 - side, height, squares.samples)
    lefts = rng.integers(1 - side, width, squares.samples)
    rows, columns = np.arange(height), np.arange(width)
    inside_rows = (rows >= tops[:, None]) & (rows < tops[:, None] + side)
    inside_columns = (columns >= lefts[:, None]) & (columns < lefts[:, None] + side)
    return inside_rows[:, :, None] & inside_columns[:, None, :]
