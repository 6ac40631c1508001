"""A second reader of the phantom: how another radiologist might draw the same lesions.

Two readers disagree about the border of a soft lesion, and about whether a faint patch is a lesion.
Both are simulated: smooth noise moves the border, and single lesions are missed or added.
"""

import cv2
import numpy as np

from fidelity.datasets.sources.phantom.anatomy import smooth_noise

# As shares of the image's side, except the last two, which are probabilities.
_BORDER_SHIFT = 0.013  # one standard deviation
_BORDER_SCALE = 0.06  # correlation length of the shift
_RADII = (0.02, 0.045)  # of an added lesion
_MISSED = 0.12  # per lesion
_ADDED = 0.15  # per diseased image


def second_reading(infection: np.ndarray, lung: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the lesions (H, W) bool again, as another reader would, also only inside the lung.

    Returns:
        (H, W) bool. It is empty if `infection` is empty: the readers agree about who is healthy.
        The largest lesion is never missed.
    """
    if not infection.any():
        return np.zeros_like(infection)
    side = max(infection.shape)
    shift = smooth_noise(rng, side, _BORDER_SCALE * side)[: lung.shape[0], : lung.shape[1]]
    kept = _with_misses(infection, rng)
    if rng.random() < _ADDED:
        kept |= _blob(lung, rng, side)
    inside = cv2.distanceTransform(kept.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform((~kept).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Half a pixel: the border is halfway between the pixel centres that these distances connect.
    signed = np.where(kept, inside - 0.5, 0.5 - outside)
    return (signed + _BORDER_SHIFT * side * shift > 0) & lung


def _with_misses(infection: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Leave out single lesions, but never the largest."""
    count, labels, facts, _ = cv2.connectedComponentsWithStats(infection.astype(np.uint8))
    keep = rng.random(count) >= _MISSED
    keep[0] = False
    keep[1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())] = True
    return keep[labels]


def _blob(lung: np.ndarray, rng: np.random.Generator, side: int) -> np.ndarray:
    """Place an ellipse anywhere in the lung."""
    rows, columns = np.nonzero(lung)
    place = int(rng.integers(len(rows)))
    radii = rng.uniform(*_RADII, 2) * side
    y, x = np.ogrid[: lung.shape[0], : lung.shape[1]]
    distance = ((y - rows[place]) / radii[0]) ** 2 + ((x - columns[place]) / radii[1]) ** 2
    return (distance <= 1) & lung
