"""Further files of a phantom: organ masks in CheXmask's layout, and view, sex and age."""

import numpy as np

from fidelity.datasets.annotations.chexmask import ORGANS, QUALITY
from fidelity.datasets.sources.phantom.anatomy import Anatomy, Frame

ORGAN_FILE, RECORD_FILE = "CheXmask.csv", "records.csv"
RECORDS = ("case", "view", "sex", "age")
# Upper end of the heart, below the great vessels, in body coordinates.
_HEART_TOP = -0.14
# Share of masks with a low quality.
_POOR = 0.08


def organ_masks(anatomy: Anatomy, frame: Frame) -> dict[str, np.ndarray]:
    """Fill the visible lungs and heart: (size, size) bool by CheXmask's name of the organ.

    Left and right are the patient's.
    """
    heart_and_vessels = frame.fill(frame.blank(), [anatomy.mediastinum]) > 127
    right, left = (
        (frame.fill(frame.blank(), [lung]) > 127) & ~heart_and_vessels for lung in anatomy.lungs
    )
    heart = heart_and_vessels & (frame.body_grid()[1] >= _HEART_TOP)
    return dict(zip(ORGANS, (left, right, heart), strict=True))


def organ_row(case: str, masks: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, str]:
    """Make a row of CheXmask's file: image without ending, `organ_masks`, a random quality."""
    poor = rng.random() < _POOR
    quality = float(rng.uniform(0.4, 0.68) if poor else np.clip(rng.normal(0.86, 0.04), 0.71, 1))
    height, width = next(iter(masks.values())).shape
    return {
        "image_id": case,
        QUALITY: f"{quality:.4f}",
        "Dice RCA (Max)": f"{min(1, quality + 0.05):.4f}",
        # CheXmask's format: "start length", starts counted from 1.
        **{
            organ: " ".join(f"{start + 1} {end - start}" for start, end in runs_of(mask).tolist())
            for organ, mask in masks.items()
        },
        "Height": str(height),
        "Width": str(width),
    }


def record_row(
    case: str, patient: np.random.Generator, image: np.random.Generator
) -> dict[str, str]:
    """Choose a patient's sex and age, and an image's view, at random; some images have no view."""
    sex, age = "FM"[int(patient.integers(2))], int(np.clip(patient.normal(55, 20), 1, 95))
    view = str(image.choice(["PA", "AP", ""], p=[0.55, 0.4, 0.05]))
    return dict(zip(RECORDS, (case, view, sex, str(age)), strict=True))


def runs_of(pixels: np.ndarray) -> np.ndarray:
    """Find the runs of true pixels along the rows: (n, 2), start and end of each."""
    flat = np.concatenate([[0], pixels.ravel().astype(np.int8), [0]])
    return np.flatnonzero(np.diff(flat)).reshape(-1, 2)
