"""The phantom's X-ray: from a patient, a pose and an opacity field to a grey image.

The attenuation along each ray is the sum of layers (tissue thickness, bones, air). The exposure
then adds scatter, quantum noise and the tone curve.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from fidelity.datasets.sources.phantom.anatomy import Anatomy, Frame


@dataclass(frozen=True)
class Exposure:
    """How one image was taken and developed; independent of class and patient.

    Attributes:
        level: attenuation that is shown as middle grey. A lower level gives a brighter image.
        gain: steepness of the tone curve.
        noise: quantum noise at unit attenuation.
        scatter: share of blurred background.
        collimation: (left, top, right, bottom) black borders, as shares of the image side.
    """

    level: float
    gain: float
    noise: float
    scatter: float
    collimation: tuple[float, float, float, float]


def make_exposure(rng: np.random.Generator) -> Exposure:
    """Choose one exposure at random."""
    borders = np.where(rng.random(4) < 0.2, rng.uniform(0.01, 0.045, 4), 0.0)
    return Exposure(
        level=rng.normal(0.90, 0.055),
        gain=rng.normal(3.1, 0.25),
        noise=rng.uniform(0.010, 0.020),
        scatter=rng.uniform(0.10, 0.22),
        collimation=tuple(float(border) for border in borders),
    )


def lung_mask(anatomy: Anatomy, frame: Frame) -> np.ndarray:
    """Return the visible lung fields, (size, size) bool, without heart, vessels, diaphragm."""
    fields = frame.fill(frame.blank(), anatomy.lungs)
    frame.fill(fields, [anatomy.mediastinum], 0)
    return fields > 127


class _Layers:
    """Draws and blurs layers of one image; blur widths are in pixels of a 256 px image."""

    def __init__(self, frame: Frame) -> None:
        self.frame, self.size, self.unit = frame, frame.size, frame.size / 256

    def soft(self, layer: np.ndarray, sigma: float) -> np.ndarray:
        """Blur a layer of 0..255 to 0..1."""
        return cv2.GaussianBlur(layer.astype(np.float32), (0, 0), sigma * self.unit) / 255

    def wide(self, layer: np.ndarray, sigma: float) -> np.ndarray:
        """Blur a layer widely, at a reduced size for speed."""
        small = cv2.resize(layer, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
        return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / 4), (self.size, self.size)) / 255

    def draw(self, contours: list[np.ndarray], breathes: bool = True) -> np.ndarray:
        """Fill contours with 255."""
        return self.frame.fill(self.frame.blank(), contours, breathes=breathes)

    def cortex(self, contours: list[np.ndarray], breathes: bool = True) -> np.ndarray:
        """Draw bones with a bright rim, where the ray passes through more compact bone."""
        filled = self.draw(contours, breathes)
        kernel = np.ones((3, 3), np.uint8)
        inner = cv2.erode(filled, kernel, iterations=max(1, round(self.unit)))
        return filled - (inner * np.float32(0.38)).astype(np.uint8)

    def thickness(self, layer: np.ndarray, reach: float) -> np.ndarray:
        """Return the depth of a round body from its silhouette, 0..1; `reach` in body units."""
        inside = cv2.distanceTransform((layer > 127).astype(np.uint8), cv2.DIST_L2, 5)
        depth = np.clip(inside / (reach * self.frame.scale * self.size / 2), 0, 1)
        return np.sqrt(1 - (1 - depth) ** 2)


def expose(
    anatomy: Anatomy,
    frame: Frame,
    exposure: Exposure,
    grid: tuple[np.ndarray, np.ndarray],
    opacity: np.ndarray,
    contrast: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Take one X-ray of a patient in a pose: (size, size) uint8, grey, bright is dense.

    Args:
        opacity: (size, size) lesion opacity, 0..1.
        contrast: factor on the opacity; 0 shows no lesion.
        rng: random stream of the quantum noise, independent of all others.
    """
    lesion = np.clip(contrast * opacity, 0, 1)
    total = _attenuation(anatomy, frame, grid, lesion)
    return _developed(total, exposure, rng)


def _attenuation(
    anatomy: Anatomy, frame: Frame, grid: tuple[np.ndarray, np.ndarray], opacity: np.ndarray
) -> np.ndarray:
    """Sum the attenuation of all layers along the rays: (size, size)."""
    layers = _Layers(frame)
    draw, cortex, soft, wide = layers.draw, layers.cortex, layers.soft, layers.wide
    body = draw([anatomy.body], breathes=False)
    arms = draw(anatomy.arms, breathes=False)
    lungs = draw(anatomy.lungs)
    mediastinum = draw([anatomy.mediastinum])
    diaphragm = draw([anatomy.diaphragm])

    trunk = soft(body, 0.8) * layers.thickness(body, 0.42)
    arm = 0.42 * soft(arms, 0.8) * layers.thickness(arms, 0.16)
    tissue = 0.98 * trunk + arm * (1 - 0.45 * trunk)
    texture = cv2.resize(anatomy.tissue, (frame.size, frame.size), interpolation=cv2.INTER_CUBIC)
    tissue *= 1 + 0.018 * texture

    # Air: shallow at the border of the chest, deeper in its middle; some lies behind the heart.
    air = soft(lungs, 1.0) * (0.62 + 0.38 * layers.thickness(lungs, 0.26))
    x, y = grid
    below = 0.7 * soft(diaphragm, 0.9) + 0.3 * wide(diaphragm, 10.0)
    heart = 0.55 * soft(mediastinum, 1.1) + 0.45 * wide(mediastinum, 9.0)
    heart *= np.clip((y + 1.05) / 0.45, 0.1, 1)  # vessels do not make the neck thicker
    seen_air = air * np.clip(1 - 0.80 * heart, 0, 1)
    lesion = opacity * soft(lung_mask(anatomy, frame) * 255.0, 0.8)
    seen_air = seen_air * (1 - 0.82 * lesion)

    vessels = frame.blank()
    for generation in reversed(range(len(anatomy.vessels))):
        frame.fill(vessels, anatomy.vessels[generation], int(255 * (1 - 0.15 * generation)))
    # Consolidated lung hides its vessels: no dark air is left as a contrast to them.
    vessel = 0.75 * soft(vessels, 0.7) + 0.5 * wide(vessels, 9.0)
    vessel = vessel * soft(lungs, 1.0) * (1 - 0.8 * lesion) * (1 - 0.7 * heart)

    # Tissue minus air: lungs are mostly air, so they remove most of the tissue's thickness.
    total = tissue - 0.60 * seen_air * tissue
    total += 0.24 * heart * (1 - 0.75 * below) * trunk + 0.24 * below * trunk + 0.17 * vessel

    for centre_x, centre_y, radius, strength in anatomy.breasts:
        distance = np.hypot(x - centre_x, np.where(y > centre_y, 1.25, 0.75) * (y - centre_y))
        total += strength / (1 + np.exp((distance - radius) / 0.028)) * trunk

    total += 0.115 * soft(cortex(anatomy.ribs_posterior), 0.6) * trunk
    total += 0.060 * soft(cortex(anatomy.ribs_anterior), 0.9) * trunk
    total += 0.13 * soft(cortex(anatomy.clavicles, False), 0.7) * np.clip(trunk + 0.2, 0, 1)
    total += 0.07 * soft(cortex(anatomy.bones, False), 0.8)
    spine = 0.4 * wide(draw(anatomy.vertebrae, False), 5.0)
    spine += 0.45 * soft(cortex(anatomy.vertebrae, False), 1.0)
    total += 0.17 * spine * trunk
    total -= 0.15 * soft(draw(anatomy.trachea, False), 1.2) * trunk
    if anatomy.bubble is not None:
        total -= 0.30 * soft(draw([anatomy.bubble]), 1.3) * trunk
    return total


def _developed(total: np.ndarray, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """Turn attenuation into grey values: scatter, quantum noise, tone curve, black borders."""
    size = len(total)
    scatter = cv2.resize(total.astype(np.float32), (32, 32), interpolation=cv2.INTER_AREA)
    scatter = cv2.resize(cv2.GaussianBlur(scatter, (0, 0), 4), (size, size))
    total = (1 - exposure.scatter) * total + exposure.scatter * scatter

    # Fewer quanta arrive behind dense tissue: the noise of log intensity grows as exp(total / 2).
    grain = rng.standard_normal((size, size), dtype=np.float32)
    grain = 0.6 * grain + 0.8 * cv2.GaussianBlur(grain, (0, 0), 0.8)
    total = total + exposure.noise * np.exp(0.5 * (total - 1)) * grain

    grey = 1 / (1 + np.exp(-exposure.gain * (total - exposure.level)))
    dark = 1 / (1 + np.exp(exposure.gain * exposure.level))
    grey = (grey - dark) / (1 - dark) * 252 + 4
    left, top, right, bottom = (round(border * size) for border in exposure.collimation)
    field = np.zeros((size, size), np.float32)
    field[top : size - bottom, left : size - right] = 1
    return np.clip(np.rint(grey * field), 0, 255).astype(np.uint8)
