"""Infidelity: how badly a map foretells what the logit does when squares of the image are removed.

Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations, with their perturbation
"square removal" and their optimal scaling. It equals `captum.metrics.infidelity(normalize=True)`,
except for a scaling below zero; see `infidelity`.
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
    """What is removed.

    Attributes:
        samples: squares per map, a forward pass each.
        side: of a square as a share of the image's side, in (0, 1].
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
    """Measure one map.

    Args:
        image: grey (H, W) in [0, 1], as the classifier sees it.
        values: signed attributions (H, W), in any unit.
        target: index of the explained class.
        logits: of the classifier.
        squares: what is removed.
        derivative: whether the map has derivatives; then it is multiplied by how much the pixels
            changed, else by whether they did (the paper's local and global attributions).

    Returns:
        `infidelity` in squared logits, at least 0, and `infidelity_relative` in [0, 1]: the same
        divided by what a map of zeros gets; nan where removing squares changes nothing.
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
    """Give the mean squared error of the map's forecast, in the unit that suits the map best.

    A map has no unit (a CAM's and a surrogate's differ by orders of magnitude). So it is scaled by
    the factor that minimises the error, as in the paper's code. Here the factor is at least 0. The
    paper's may be negative, so that an inverted map would be as good as the map.

    Args:
        foretold: (n,) sums of the map over what was removed.
        drops: (n,) logit of the image minus that of the changed image.
    """
    power = float(foretold @ foretold)
    scale = max(float(foretold @ drops) / power, 0.0) if power > 0 else 0.0
    return float(np.mean((scale * foretold - drops) ** 2))


def square_masks(shape: tuple[int, int], squares: Squares, seed: int) -> np.ndarray:
    """Draw squares: boolean (samples, H, W).

    They may extend beyond the image, so that each pixel is equally likely to be removed. Squares
    inside the image would hardly ever cover the corners, where marks and labels are.
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
