"""The phantom's patient: shapes of one chest in body coordinates, and its pose on the detector.

Body coordinates have their origin in the middle of the chest. Over the image, both range from about
-1 to 1: x to the right (the patient's left), y downwards. This module does not use classes or
lesions.
"""

from dataclasses import dataclass

import cv2
import numpy as np

APEX_Y = -0.70  # breathing stretches the chest downwards from this y
SUBPIXEL_BITS = 4  # cv2 takes polygon corners in 1/16 px

# Contours of the patient's right half; x is counted from the midline outwards.
_LATERAL = [
    (0.31, -0.71),
    (0.43, -0.63),
    (0.53, -0.46),
    (0.605, -0.22),
    (0.655, 0.05),
    (0.68, 0.28),
    (0.685, 0.43),
]
_DOME = [(0.665, 0.455), (0.60, 0.365), (0.49, 0.285), (0.36, 0.25), (0.22, 0.285), (0.08, 0.37)]
_MEDIAL = [(0.06, 0.1), (0.06, -0.2), (0.09, -0.45), (0.15, -0.62), (0.22, -0.695)]


@dataclass(frozen=True)
class Anatomy:
    """One patient. Arrays are (n, 2) body coordinates; sides are ordered image left, image right.

    Attributes:
        lungs: closed contour of each half of the chest (including the region of the heart).
        mediastinum: closed contour of heart and great vessels.
        diaphragm: closed contour of what lies under the domes.
        body: closed contour of neck, shoulders and trunk; `arms` are separate.
        ribs_posterior, ribs_anterior, clavicles, bones: closed contours.
        vessels: (n, 12, 2) contours of each generation of branches, thick to thin, both lungs.
        vertebrae: closed contour of each vertebral body.
        bubble: closed contour of the gas under the left dome, None without one.
        breasts: (centre x, centre y, radius, strength) of each side.
        lateral: (side, 2, n): x and y of the outer lung border, x counted outwards.
        spine_bend: sideways bend of the spine.
        tissue: (64, 64) smooth noise of unit variance, the texture of the soft tissue.
    """

    lungs: list[np.ndarray]
    mediastinum: np.ndarray
    diaphragm: np.ndarray
    body: np.ndarray
    arms: list[np.ndarray]
    ribs_posterior: list[np.ndarray]
    ribs_anterior: list[np.ndarray]
    clavicles: list[np.ndarray]
    bones: list[np.ndarray]
    vessels: list[np.ndarray]
    vertebrae: list[np.ndarray]
    trachea: list[np.ndarray]
    bubble: np.ndarray | None
    breasts: list[tuple[float, float, float, float]]
    lateral: np.ndarray
    spine_bend: float
    tissue: np.ndarray


@dataclass(frozen=True)
class Frame:
    """The place of the body on a square detector: the pose of one exposure.

    Attributes:
        rotation: degrees, positive is clockwise in the image.
        shift: (x, y) in body units.
        inspiration: factor by which the chest is stretched downwards; 1 is a normal breath.
    """

    size: int
    rotation: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    inspiration: float = 1.0

    def _turn(self) -> np.ndarray:
        angle = np.deg2rad(self.rotation)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return self.scale * turn

    def pixels(self, points: np.ndarray, breathes: bool = True) -> np.ndarray:
        """Project body points: (n, 2) float pixel coordinates (x, y)."""
        points = np.asarray(points, dtype=np.float64)
        if breathes:
            lower = np.maximum(points[:, 1] - APEX_Y, 0.0) * (self.inspiration - 1.0)
            points = points + np.stack([np.zeros_like(lower), lower], axis=1)
        return (points @ self._turn().T + self.shift + 1.0) * (self.size / 2)

    def body_grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return body x and y of every pixel without breathing: two (size, size) float32 arrays."""
        axis = (np.arange(self.size) + 0.5) / (self.size / 2) - 1.0
        inverse = np.linalg.inv(self._turn())
        column, row = axis[None, :] - self.shift[0], axis[:, None] - self.shift[1]
        x = inverse[0, 0] * column + inverse[0, 1] * row
        y = inverse[1, 0] * column + inverse[1, 1] * row
        y = np.where(y > APEX_Y, APEX_Y + (y - APEX_Y) / self.inspiration, y)
        return x.astype(np.float32), y.astype(np.float32)

    def fill(
        self,
        layer: np.ndarray,
        contours: list[np.ndarray] | np.ndarray,
        value: int = 255,
        breathes: bool = True,
    ) -> np.ndarray:
        """Fill closed body contours into a uint8 layer with smooth edges; returns the layer."""
        points = self.pixels(np.concatenate(contours), breathes)
        corners = np.round((points - 0.5) * 2**SUBPIXEL_BITS).astype(np.int32)
        ends = np.cumsum([len(contour) for contour in contours])
        # One call for each contour: in a joint call, overlaps of contours would stay empty.
        for contour in np.split(corners, ends[:-1]):
            cv2.fillPoly(layer, [contour], int(value), cv2.LINE_AA, shift=SUBPIXEL_BITS)
        return layer

    def blank(self) -> np.ndarray:
        """Return an empty uint8 layer."""
        return np.zeros((self.size, self.size), np.uint8)


def smooth_curve(corners: list | np.ndarray, closed: bool = False, steps: int = 6) -> np.ndarray:
    """Catmull-Rom curve through the corners: (m, 2)."""
    corners = np.asarray(corners, dtype=np.float64)
    if closed:
        p = np.concatenate([corners[-1:], corners, corners[:2]])
    else:
        p = np.concatenate([corners[:1], corners, corners[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, corners[-1:]])


def ribbon(line: np.ndarray, widths: np.ndarray | float) -> np.ndarray:
    """Closed contour of a band of the given full width along a line."""
    direction = np.gradient(line, axis=0)
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    half = np.broadcast_to(np.asarray(widths, dtype=np.float64), len(line))[:, None] / 2
    return np.concatenate([line + normal * half, (line - normal * half)[::-1]])


def smooth_noise(rng: np.random.Generator, side: int, sigma: float) -> np.ndarray:
    """(side, side) float32 noise, zero mean, unit variance, correlated over `sigma` cells."""
    noise = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), sigma)
    return (noise - noise.mean()) / noise.std()


def _bezier(corners: list) -> np.ndarray:
    a, b, c, d = (np.asarray(p, dtype=np.float64)[None] for p in corners)
    t = np.linspace(0, 1, 18)[:, None]
    return a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t) + d * t**3


def _vessel_tree(
    rng: np.random.Generator, start: tuple[float, float], side: int, richness: float
) -> list[np.ndarray]:
    """Branches from the hilum outwards, one (n, 12, 2) array of contours for each generation."""
    # Angle from straight up, turning outwards; the lower lobes carry the larger vessels.
    angle = np.array([0.25, 0.65, 1.1, 1.5, 1.95, 2.3, 2.65]) + rng.normal(0, 0.14, 7)
    width = np.array([0.022, 0.020, 0.018, 0.022, 0.026, 0.028, 0.028]) * richness
    origin = np.tile(np.array(start), (7, 1))
    generations = []
    for length in (0.17, 0.15, 0.12, 0.10, 0.08):
        n = len(angle)
        bends = angle[:, None] + np.cumsum(rng.normal(0, 0.13, (n, 5)), axis=1)
        step = np.stack([side * np.sin(bends), -np.cos(bends)], axis=2)
        step *= (length * rng.uniform(0.75, 1.3, n) / 5)[:, None, None]
        line = origin[:, None] + np.concatenate(
            [np.zeros((n, 1, 2)), np.cumsum(step, axis=1)], axis=1
        )
        along = np.concatenate([step[:, :1], step], axis=1)
        along /= np.linalg.norm(along, axis=2, keepdims=True)
        across = np.stack([-along[..., 1], along[..., 0]], axis=2)
        across *= (width[:, None] * np.linspace(0.5, 0.36, 6))[..., None]
        generations.append(np.concatenate([line + across, (line - across)[:, ::-1]], axis=1))
        fork, share = rng.uniform(0.5, 1.2, n), rng.uniform(0.35, 0.65, n)
        origin = np.concatenate([line[:, -1], line[:, -1]])
        angle = np.concatenate([bends[:, -1] + share * fork, bends[:, -1] - (1 - share) * fork])
        part = np.concatenate([1 - share, share])
        width = np.maximum(np.tile(width, 2) * 0.72 * (0.45 + 0.7 * part), 0.0055)
    return generations


@dataclass(frozen=True)
class _Build:
    """How large and how bent one patient is.

    Attributes:
        heart: factor on the heart's width.
        lift: side → how far its dome is above the usual place.
        flesh: how far the soft tissue extends beyond the chest wall.
    """

    width: float
    height: float
    spine_bend: float
    heart: float
    lift: dict[int, float]
    flesh: float

    @property
    def stretch(self) -> np.ndarray:
        """Factors by which x and y are stretched."""
        return np.array([self.width, self.height])

    def bend(self, points: np.ndarray) -> np.ndarray:
        """Move points sideways with the spine."""
        return points + np.stack(
            [self.spine_bend * np.cos(1.8 * points[:, 1]), np.zeros(len(points))], axis=1
        )


def make_anatomy(rng: np.random.Generator) -> Anatomy:
    """Generate one patient; each call with the same random stream gives the same shapes.

    The order in which random numbers are drawn must not change, or the patients change.
    """
    build = _Build(
        width=rng.normal(1.0, 0.04),
        height=rng.normal(1.0, 0.04),
        spine_bend=rng.normal(0, 0.018),
        heart=float(np.clip(rng.normal(1.0, 0.11), 0.75, 1.25)),
        # The right dome is higher.
        lift={-1: rng.normal(-0.01, 0.02), 1: rng.normal(0.035, 0.022)},
        flesh=rng.normal(0, 0.05),
    )
    lungs, domes, lateral = zip(*(_lung(rng, build, side) for side in (-1, 1)), strict=True)
    mediastinum = _mediastinum(rng, build)
    floor = np.array([[0.76 * build.width, 2.0], [-0.76 * build.width, 2.0]])
    diaphragm = np.concatenate([domes[0], domes[1][::-1], floor])
    arms, bones, clavicles, posterior, anterior = [], [], [], [], []
    spread = rng.uniform(0.12, 0.34)
    for side, border in zip((-1, 1), lateral, strict=True):
        mirror = np.array([side, 1.0])
        arm, bones_of_side, clavicle = _shoulder(build, spread, rng.normal(0, 0.015))
        back, front = _ribs(rng, build, border)
        arms.append(arm * mirror)
        bones += [bone * mirror for bone in bones_of_side]
        clavicles.append(clavicle * mirror)
        posterior += [build.bend(rib * mirror) for rib in back]
        anterior += [rib * mirror for rib in front]
    return Anatomy(
        lungs=list(lungs),
        mediastinum=mediastinum,
        diaphragm=diaphragm,
        body=_body(build),
        arms=arms,
        ribs_posterior=posterior,
        ribs_anterior=anterior,
        clavicles=clavicles,
        bones=bones,
        vessels=_vessels(rng, build),
        vertebrae=_vertebrae(build),
        trachea=_trachea(build),
        bubble=_bubble(rng, build),
        breasts=_breasts(rng),
        lateral=np.array(lateral),
        spine_bend=build.spine_bend,
        tissue=smooth_noise(rng, 64, 2.0),
    )


def _lung(
    rng: np.random.Generator, build: _Build, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Generate one half of the chest: its contour, its dome, and x and y of its outer border."""
    jitter = rng.normal(0, 0.006, (len(_LATERAL) + len(_DOME) + len(_MEDIAL), 2))
    corners = np.array(_LATERAL + _DOME + _MEDIAL) + jitter
    n = len(_LATERAL)
    corners[n - 1 : n + len(_DOME), 1] += build.lift[side]
    outer = smooth_curve(corners[:n])
    dome = smooth_curve(corners[n - 1 : n + len(_DOME)])
    inner = smooth_curve(np.concatenate([corners[n + len(_DOME) - 1 :], corners[:1]]))
    lateral = (outer * build.stretch)[:: len(outer) // 12].T[:, :12]
    mirror = build.stretch * [side, 1]
    contour = build.bend(np.concatenate([outer, dome[1:], inner[1:-1]]) * mirror)
    return contour, build.bend(dome * mirror), lateral


def _mediastinum(rng: np.random.Generator, build: _Build) -> np.ndarray:
    """Generate right atrium, vena cava; then aortic knob, pulmonary trunk, left ventricle."""
    heart = build.heart
    knob, ventricle = rng.normal(0.135, 0.014), 0.37 * heart
    apex_y = 0.26 + rng.normal(0, 0.02)
    corners = [(-0.085, -1.2), (-0.085, -0.62), (-0.105, -0.42), (-0.115, -0.2)]
    corners += [(-0.14 * heart, -0.04), (-0.185 * heart, 0.12), (-0.16 * heart, 0.28)]
    corners += [(-0.10, 0.42), (0.1, 0.47), (0.30 * heart, 0.42 + build.lift[1])]
    corners += [(ventricle, apex_y + 0.04), (0.90 * ventricle, apex_y - 0.12)]
    corners += [(0.62 * ventricle, -0.02), (0.145, -0.14), (0.13, -0.24)]
    corners += [(knob, -0.335), (0.9 * knob, -0.40), (0.095, -0.46), (0.085, -1.2)]
    return build.bend(smooth_curve(np.array(corners) * build.stretch, closed=True))


def _body(build: _Build) -> np.ndarray:
    """Generate neck, shoulders and trunk."""
    flank = (0.82 + build.flesh) * build.width
    half = [(0.19, -1.6), (0.19, -0.98), (0.26, -0.87), (0.52, -0.83), (0.80, -0.79)]
    half += [(0.98, -0.68), (1.06, -0.50), (0.95, -0.34), (flank + 0.03, -0.16)]
    half += [(flank, 0.1), (flank - 0.015, 0.4), (flank, 0.8), (flank + 0.03, 1.6)]
    half = np.array(half)
    return smooth_curve(np.concatenate([half, (half * [-1, 1])[::-1]]), closed=True)


def _shoulder(
    build: _Build, spread: float, down: float
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Generate an arm, its bones with the shoulder blade, and the clavicle; x counted outwards.

    Args:
        spread: how far the elbow is from the body.
        down: how far shoulder blade and clavicle are below their usual place.
    """
    elbow = np.array([1.02 + spread, 0.55])
    line = smooth_curve([(0.96, -0.66), (1.03, -0.3), elbow])
    n = len(line)
    arm = ribbon(line, np.interp(np.arange(n), [0, 3, n - 1], [0.06, 0.24, 0.20]))
    turn = np.linspace(0, 2 * np.pi, 24)
    head = np.array([0.93, -0.66]) + 0.075 * np.stack([np.cos(turn), np.sin(turn)], 1)
    blade = [(0.84, -0.70), (0.64, -0.66), (0.585, -0.52), (0.62, -0.28), (0.69, -0.09)]
    blade += [(0.735, -0.12), (0.78, -0.38), (0.86, -0.56)]
    blade = smooth_curve(np.array(blade) * [1, 1] + [0.03, down], closed=True)
    collar = [(0.055, -0.535 + down), (0.17, -0.585 + down), (0.36, -0.655 + down)]
    collar += [(0.56, -0.715 + down), (0.76, -0.745 + down)]
    collar = smooth_curve(np.array(collar) * [build.width, 1])
    thick = np.interp(np.linspace(0, 1, len(collar)), [0, 0.12, 0.5, 1], [0.07, 0.05, 0.04, 0.05])
    return arm, [ribbon(line, np.linspace(0.085, 0.06, n)), head, blade], ribbon(collar, thick)


def _ribs(
    rng: np.random.Generator, build: _Build, border: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Generate the ribs of one side, posterior and anterior; x counted outwards.

    Args:
        border: x and y of the outer lung border.
    """
    posterior, anterior = [], []
    border_x, border_y = border
    spacing = 0.128 * build.height
    for rib in range(9):
        y = -0.80 + rib * spacing + rng.normal(0, 0.004)
        wall_y = y + 0.20
        wall = float(np.interp(wall_y, border_y, border_x, left=0.27 * build.width)) + 0.012
        wall = max(wall, 0.30 * build.width)
        back = _bezier(
            [(0.07, y), (0.50 * wall, y - 0.075), (wall, y - 0.015), (wall, wall_y + 0.04)]
        )
        posterior.append(ribbon(back, np.linspace(0.040, 0.034, len(back))))
        if rib < 7:
            tip = (0.36 + 0.025 * rib) * build.width
            front = _bezier(
                [
                    (wall, wall_y + 0.02),
                    (wall * 0.99, wall_y + 0.14),
                    (0.5 * (wall + tip) + 0.08, wall_y + 0.17),
                    (min(tip, 0.8 * wall), wall_y + 0.165 + 0.01 * rib),
                ]
            )
            anterior.append(ribbon(front, np.linspace(0.030, 0.052, len(front))))
    return posterior, anterior


def _vertebrae(build: _Build) -> list[np.ndarray]:
    """Generate the vertebral bodies, from the neck downwards."""
    vertebrae = []
    for level in range(24):
        y = -1.05 + level * 0.118 * build.height
        half_w, half_h = 0.068 + 0.0018 * level, 0.049 * build.height
        box = [(-half_w, -half_h), (0, -half_h * 0.9), (half_w, -half_h), (half_w * 0.9, 0)]
        box += [(half_w, half_h), (0, half_h * 0.9), (-half_w, half_h), (-half_w * 0.9, 0)]
        vertebrae.append(build.bend(np.array(box) + [0, y]))
    return vertebrae


def _vessels(rng: np.random.Generator, build: _Build) -> list[np.ndarray]:
    """Generate the vessels of both lungs, by generation."""
    richness = float(np.clip(rng.normal(1.0, 0.13), 0.7, 1.35))
    trees = [
        _vessel_tree(rng, (x * build.width, y), side, richness)
        for side, x, y in ((-1, -0.15, -0.07), (1, 0.155, -0.11))
    ]
    return [np.concatenate(generation) for generation in zip(*trees, strict=True)]


def _trachea(build: _Build) -> list[np.ndarray]:
    """Generate the trachea and its two branches."""
    split = (-0.012, -0.24)
    tubes = [
        ribbon(np.array([(0.0, -1.3), (0.0, -0.8), (-0.008, -0.4), split]), 0.058),
        ribbon(np.array([split, (-0.07, -0.15), (-0.12, -0.09)]), 0.038),
        ribbon(np.array([split, (0.07, -0.17), (0.13, -0.13)]), 0.034),
    ]
    return [build.bend(tube) for tube in tubes]


def _bubble(rng: np.random.Generator, build: _Build) -> np.ndarray | None:
    """Generate the gas under the left dome, which not every patient has."""
    if rng.random() >= 0.6:
        return None
    turn = np.linspace(0, 2 * np.pi, 9)[:-1]
    radius = 1 + rng.normal(0, 0.12, 8)
    half = np.array([rng.uniform(0.07, 0.15), rng.uniform(0.035, 0.07)])
    centre = np.array([rng.uniform(0.30, 0.44), 0.27 + build.lift[1] + half[1] + 0.045])
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    return smooth_curve(centre + half * radius[:, None] * circle, closed=True)


def _breasts(rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    """Generate both breasts; in about a third of the patients, their shadow is not visible."""
    strength = max(rng.normal(0.05, 0.07), 0.0)
    drop = rng.uniform(0.12, 0.34)
    return [
        (
            side * rng.normal(0.47, 0.02),
            drop + rng.normal(0, 0.01),
            rng.uniform(0.27, 0.33),
            strength,
        )
        for side in (-1, 1)
    ]
