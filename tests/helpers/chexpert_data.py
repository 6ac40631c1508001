"""A tiny data set in the layout of CheXpert and CheXlocalize, with visible findings."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np

from fidelity.masks.run_lengths import encode

HEIGHT, WIDTH = 96, 120
FINDINGS = [
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
]
HEADER = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS]
# Where each finding is drawn: (row, column) of the centre of a bright disc.
PLACES = {"Cardiomegaly": (60, 50), "Lung Opacity": (30, 90), "Edema": (70, 95)}
RADIUS = 11


def disc(name: str, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Return the reference mask of a finding."""
    scale = shape[0] / HEIGHT
    mask = np.zeros(shape, np.uint8)
    row, column = (round(x * scale) for x in PLACES[name])
    cv2.circle(mask, (column, row), round(RADIUS * scale), 1, -1)
    return mask.astype(bool)


def labels_of(number: int) -> dict[str, str]:
    """Return the labels of an image by its number: all 8 combinations of 3 findings, in turn."""
    return {name: f"{(number >> bit) & 1}.0" for bit, name in enumerate(PLACES)}


def write_chexpert(
    root: Path, counts: dict[str, int], *, small: bool = False, lateral: bool = False
) -> Path:
    """Write images, label files and reference masks of the validation and test splits.

    Args:
        root: created if it does not exist.
        counts: images per split (train, valid, test), one per patient.
        small: images at half the size of the masks, as in CheXpert-v1.0-small.
        lateral: add a lateral view of every patient.

    Returns:
        The root. In the training split, every fourth label of Edema is uncertain, and every
        negative label of Cardiomegaly is blank.
    """
    rng = np.random.default_rng(3)
    name = "CheXpert-v1.0-small" if small else "CheXpert-v1.0"
    number = 0
    for split, count in counts.items():
        rows, masks = [], {}
        for index in range(count):
            number += 1
            truth = labels_of(index)
            views = ["view1_frontal", *(["view2_lateral"] if lateral else [])]
            for view in views:
                path = f"{name}/{split}/patient{number:05d}/study1/{view}.jpg"
                image = rng.integers(40, 90, (HEIGHT, WIDTH)).astype(np.uint8)
                for finding, value in truth.items():
                    if value == "1.0":
                        image[disc(finding)] = 230
                if small:
                    image = cv2.resize(image, (WIDTH // 2, HEIGHT // 2), interpolation=3)
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                assert cv2.imwrite(str(root / path), image)
                rows.append(_row(path, view, truth, index, split))
                if split != "train":
                    masks[f"patient{number:05d}_study1_{view}"] = _masks(truth)
        _write_table(root / name / f"{split}.csv", rows)
        if masks:
            kind = {"valid": "val"}.get(split, split)
            (root / f"gt_segmentations_{kind}.json").write_text(json.dumps(masks))
    return root


def _row(path: str, view: str, truth: dict[str, str], index: int, split: str) -> dict[str, str]:
    shown = dict(truth)
    if split == "train":
        shown["Cardiomegaly"] = shown["Cardiomegaly"].replace("0.0", "")
        shown["Edema"] = "-1.0" if index % 4 == 3 else shown["Edema"]
    kind = "Frontal" if view.endswith("frontal") else "Lateral"
    return {"Path": path, "Sex": "Male", "Age": "50", "Frontal/Lateral": kind, **shown}


def _masks(truth: dict[str, str]) -> dict:
    empty = encode(np.zeros((HEIGHT, WIDTH), bool))
    drawn = {
        finding.replace("Lung Opacity", "Airspace Opacity"): encode(disc(finding))
        for finding, value in truth.items()
        if value == "1.0"
    }
    names = ("Cardiomegaly", "Airspace Opacity", "Edema", "Pneumothorax")
    return {name: drawn.get(name, empty) for name in names}


def _write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with open(path, "w", newline="") as handle:
        writer = csv.DictWriter(handle, HEADER, restval="")
        writer.writeheader()
        writer.writerows(rows)
