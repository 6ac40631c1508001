"""A tiny data set in the layout of COVID-QU-Ex."""

from pathlib import Path

import cv2
import numpy as np

from fidelity.datasets.sources.covid_qu_ex.covid_qu_ex import TOPS

CLASSES = ("COVID-19", "Non-COVID", "Normal")
SIZE = 32


def write_image(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def grey_ramp(size: int, number: int = 0) -> np.ndarray:
    """Draw a picture of three grey values, which differ for each number."""
    ramp = np.full((size, size), number, np.uint8)
    ramp[:, size // 3 :] += 40
    ramp[:, 2 * size // 3 :] += 40
    return ramp


def lung_pixels(size: int = SIZE) -> np.ndarray:
    """Return two lungs that span rows 1/4 … 3/4 and columns 1/8 … 7/8."""
    mask = np.zeros((size, size), np.uint8)
    mask[size // 4 : 3 * size // 4, size // 8 : 7 * size // 8] = 255
    mask[:, size // 2 - 1 : size // 2 + 1] = 0
    return mask


def make_covid_layout(root: Path, per_class: int = 2, part: str = "infection") -> Path:
    """Write `per_class` cases for each split and class, and return the root."""
    rng = np.random.default_rng(0)
    top = TOPS[part]
    for split in ("Train", "Val", "Test"):
        for cls in CLASSES:
            folder = root / top / split / cls
            for number in range(per_class):
                name = f"{split.lower()} {cls} ({number}).png"
                write_image(folder / "images" / name, rng.integers(0, 256, (SIZE, SIZE), np.uint8))
                infection = np.zeros((SIZE, SIZE), np.uint8)
                if cls == "COVID-19":
                    infection[10:14, 6:10] = 255
                if part == "infection":
                    write_image(folder / "infection masks" / name, infection)
                write_image(folder / "lung masks" / name, lung_pixels())
    return root
