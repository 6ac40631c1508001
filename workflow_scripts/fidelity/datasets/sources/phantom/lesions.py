"""The phantom's lesions: the only difference between its classes.

A lesion is a field of opacity in body coordinates, so it moves with the patient. 0 is healthy lung,
1 is lung without any air. Its reference mask is the region where opacity is intended, whatever the
contrast at which it is shown.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from fidelity.datasets.sources.phantom.anatomy import APEX_Y, Anatomy, smooth_noise

COVID, PNEUMONIA, NORMAL = "COVID-19", "Non-COVID", "Normal"
CLASSES = (COVID, PNEUMONIA, NORMAL)
_BASE_Y = 0.44  # costophrenic angle
_MASK_LEVEL = 0.5
_NOISE_SIDE = 64  # number of cells over body coordinates -1..1


@dataclass(frozen=True)
class Patch:
    """One opacity.

    Attributes:
        centre, radii: body units; `tilt` is the rotation of the ellipse (radians).
        opacity: 0..1 in its middle.
        softness: width of its border as a share of the radius.
        ragged: how far noise moves the border, as a share of the radius.
        fissures: (y at the middle of the lung, slope, keep) of lines at which it ends; keep +1
            keeps the part above, -1 the part below.
    """

    centre: tuple[float, float]
    radii: tuple[float, float]
    tilt: float
    opacity: float
    softness: float
    ragged: float
    fissures: tuple[tuple[float, float, int], ...] = ()


@dataclass(frozen=True)
class Lesions:
    """A patient's disease: its patches, and the noise that makes them ragged and mottled."""

    patches: tuple[Patch, ...]
    border: np.ndarray
    mottle: np.ndarray


def make_lesions(label: str, anatomy: Anatomy, rng: np.random.Generator) -> Lesions:
    """Generate one patient's lesions in body coordinates, from their own random stream.

    COVID-19: ground-glass patches in both lungs, peripheral and mostly in the lower zones.
    Non-COVID: one consolidated lobe, dense, with a sharp border at a fissure. Normal: none.
    """
    patches: list[Patch] = []
    if label == COVID:
        for side in (-1, 1):
            patches += _ground_glass(side, anatomy, rng)
    elif label == PNEUMONIA:
        patches = [_consolidation(anatomy, rng)]
    return Lesions(
        tuple(patches), smooth_noise(rng, _NOISE_SIDE, 2.2), smooth_noise(rng, _NOISE_SIDE, 1.1)
    )


def _wall(anatomy: Anatomy, side: int, y: float) -> float:
    border_x, border_y = anatomy.lateral[(side + 1) // 2]
    return float(np.interp(y, border_y, border_x))


def _ground_glass(side: int, anatomy: Anatomy, rng: np.random.Generator) -> list[Patch]:
    patches = []
    for number in range(int(rng.integers(2, 5))):
        # The first one is always in the lower zone; the others usually are.
        lower = number == 0 or rng.random() < 0.7
        y = rng.uniform(0.0, 0.30) if lower else rng.uniform(-0.38, 0.0)
        x = _wall(anatomy, side, y) * rng.uniform(0.74, 0.95)
        long, short = rng.uniform(0.12, 0.21), rng.uniform(0.08, 0.13)
        patches.append(
            Patch(
                centre=(side * x, y),
                radii=(short, long),
                tilt=rng.normal(0, 0.4),
                opacity=rng.uniform(0.37, 0.64),
                softness=rng.uniform(0.55, 0.85),
                ragged=0.30,
            )
        )
    return patches


def _consolidation(anatomy: Anatomy, rng: np.random.Generator) -> Patch:
    # side, y of the fissure, which part is kept, y range of the centre
    lobes = [
        (-1, -0.10, +1, (-0.38, -0.20)),  # right upper
        (-1, -0.06, -1, (0.02, 0.12)),  # right middle and lower
        (1, -0.02, +1, (-0.36, -0.16)),  # left upper
        (1, 0.00, -1, (0.06, 0.16)),  # left lower
    ]
    side, fissure, keep, (top, bottom) = lobes[int(rng.integers(len(lobes)))]
    y = rng.uniform(top, bottom)
    x = _wall(anatomy, side, y) * rng.uniform(0.52, 0.68)
    return Patch(
        centre=(side * x, y),
        radii=(rng.uniform(0.22, 0.32), rng.uniform(0.18, 0.27)),
        tilt=rng.normal(0, 0.25),
        opacity=rng.uniform(0.68, 0.94),
        softness=rng.uniform(0.40, 0.65),
        ragged=0.16,
        fissures=((fissure + rng.normal(0, 0.02), rng.normal(0.12, 0.06), keep),),
    )


def _sample(noise: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Read a noise field at body coordinates."""
    scale = _NOISE_SIDE / 2
    return cv2.remap(
        noise, (x + 1) * scale, (y + 1) * scale, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def opacity_field(
    lesions: Lesions, grid: tuple[np.ndarray, np.ndarray], severity: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute opacity and extent of the lesions on a detector.

    Its pixels have the body coordinates of `Frame.body_grid`. `severity` is a factor on the opacity
    of this image; the extent does not change.

    Returns:
        opacity (H, W) float32 in 0..1, and extent (H, W) bool: the region that a reader would
        outline. Neither is restricted to the lung.
    """
    x, y = grid
    opacity = np.zeros_like(x)
    extent = np.zeros(x.shape, bool)
    if not lesions.patches:
        return opacity, extent
    border = _sample(lesions.border, x, y)
    mottle = _sample(lesions.mottle, x, y)
    for patch in lesions.patches:
        dx, dy = x - patch.centre[0], y - patch.centre[1]
        cos, sin = np.cos(patch.tilt), np.sin(patch.tilt)
        distance = np.hypot(
            (cos * dx + sin * dy) / patch.radii[0], (cos * dy - sin * dx) / patch.radii[1]
        )
        distance += patch.ragged * border
        shape = _step((1 - distance) / patch.softness)
        # A lesion stays in its own half of the chest and within the height of the ribcage.
        shape *= np.sign(patch.centre[0]) * x > 0
        for level, slope, keep in patch.fissures:
            shape *= _step(keep * (level + slope * (np.abs(x) - 0.35) - y) / 0.02)
        extent |= shape > _MASK_LEVEL
        local = patch.opacity * severity * (1 + (0.26 if not patch.fissures else 0.06) * mottle)
        opacity = 1 - (1 - opacity) * (1 - np.clip(local, 0, 0.97) * shape)
    extent &= (y > APEX_Y) & (y < _BASE_Y + 0.2)
    return opacity.astype(np.float32), extent


def _step(value: np.ndarray) -> np.ndarray:
    """Logistic step from 0 to 1, so steep that it is nearly complete at ±1."""
    return 1 / (1 + np.exp(np.clip(-4 * value, -30, 30)))
