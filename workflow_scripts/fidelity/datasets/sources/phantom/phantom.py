"""The phantom: synthetic chest X-rays with known lesions, written in COVID-QU-Ex's own layout.

With it, the whole study can run without a download, and explainers have a known truth. Only the
lesions distinguish the classes, unless a shortcut is planted; then the place of the shortcut is
also known. Everything is generated from seeds; no pixel is from a real image.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from fidelity.base.errors import InputError
from fidelity.base.files import write_csv, write_text
from fidelity.base.seeding import seed_for
from fidelity.datasets.sources.covid_qu_ex.covid_qu_ex import READER_FOLDER, SECOND_FOLDER, TOP
from fidelity.datasets.sources.phantom import clinical
from fidelity.datasets.sources.phantom.anatomy import Anatomy, Frame, make_anatomy
from fidelity.datasets.sources.phantom.lesions import (
    CLASSES,
    Lesions,
    make_lesions,
    opacity_field,
)
from fidelity.datasets.sources.phantom.marks import draw_letter, draw_tag
from fidelity.datasets.sources.phantom.radiograph import expose, lung_mask, make_exposure
from fidelity.datasets.sources.phantom.second_reader import second_reading
from fidelity.settings.datasets import Phantom, Shortcut

SPLIT_FOLDERS = {"train": "Train", "val": "Val", "test": "Test"}
_STEM = {"COVID-19": "covid", "Non-COVID": "non_covid", "Normal": "normal"}
PARAMETERS = ("cases", "size", "contrast", "shortcut", "second_reader", "simulated_readers")


@dataclass(frozen=True)
class Plan:
    """One image to make; `visit` counts from 0 within the patient."""

    case: str
    patient: str
    split: str
    label: str
    visit: int


@dataclass(frozen=True)
class PhantomImage:
    """One image, its masks, and the infection as readers draw it: folder of the reader → mask.

    `image` is (size, size) uint8; `lung`, `infection`, `shortcut` and all other masks are (size,
    size) bool. `organs` uses CheXmask's names; it is empty if organ masks are not requested.
    """

    image: np.ndarray
    lung: np.ndarray
    infection: np.ndarray
    shortcut: np.ndarray
    readers: dict[str, np.ndarray] = field(default_factory=dict)
    organs: dict[str, np.ndarray] = field(default_factory=dict)


def plan(cases: Mapping[str, int], seed: int) -> Iterator[Plan]:
    """List the images of a data set: a third per class, 1 to 3 per patient.

    If the number of images of a split is not divisible by three, the first classes have one more.
    Plans are in order of split, class and number. Plan k of a split and class does not depend on
    how many follow; only a split's last patient may have fewer images.
    """
    for split in SPLIT_FOLDERS:
        share, rest = divmod(cases.get(split, 0), len(CLASSES))
        for position, label in enumerate(CLASSES):
            wanted = share + (position < rest)
            name = f"{_STEM[label]}_{split}"
            number = patient = 0
            while number < wanted:
                patient += 1
                rng = np.random.default_rng(seed_for(seed, "phantom visits", name, patient))
                for visit in range(min(int(rng.integers(1, 4)), wanted - number)):
                    number += 1
                    person = f"{name}_p{patient:04d}"
                    yield Plan(f"{name}_{number:05d}", person, split, label, visit)


def make_image(item: Plan, settings: Phantom, seed: int) -> PhantomImage:
    """Make one image with its masks, from the config's seed and the data set's settings.

    `infection` lies inside `lung`. It and the readers' masks show the lesion at contrast 1,
    whatever the contrast is. `shortcut` lies outside `lung`.
    """
    stream = partial(_stream, seed)
    size, contrast = settings.size, float(settings.contrast)
    anatomy, lesions = _patient(item.patient, item.label, seed)
    pose = stream(item.case, "pose")
    frame = Frame(
        size=size,
        rotation=float(np.clip(pose.normal(0, 2.0), -5, 5)),
        shift=tuple(float(s) for s in np.clip(pose.normal(0, 0.03, 2), -0.07, 0.07)),
        scale=float(np.clip(pose.normal(1.0, 0.045), 0.9, 1.1)),
        inspiration=float(np.clip(pose.normal(1.05, 0.055), 0.92, 1.17)),
    )
    severity = float(np.clip(stream(item.case, "severity").normal(1.0, 0.08), 0.8, 1.2))
    lung = lung_mask(anatomy, frame)
    grid = frame.body_grid()
    opacity, extent = opacity_field(lesions, grid, severity)
    infection = extent & lung
    image = expose(
        anatomy,
        frame,
        make_exposure(stream(item.case, "exposure")),
        grid,
        opacity,
        contrast,
        stream(item.case, "noise"),
    )
    letter = draw_letter(image, lung, stream(item.case, "letter"))
    shortcut = np.zeros_like(lung)
    if _has_shortcut(item, settings.shortcut, stream(item.case, "shortcut")):
        shortcut = draw_tag(image, lung | letter, stream(item.case, "tag"))
    streams = {SECOND_FOLDER: "second reader"} if settings.second_reader else {}
    for number in range(1, 1 + settings.simulated_readers):
        streams[READER_FOLDER.format(f"r{number}")] = f"reader {number}"
    readers = {
        folder: second_reading(infection, lung, stream(item.case, name))
        for folder, name in streams.items()
    }
    organs = clinical.organ_masks(anatomy, frame) if getattr(settings, "clinical", False) else {}
    return PhantomImage(image, lung, infection, shortcut, readers, organs)


def generate(root: Path, settings: Phantom, seed: int) -> None:
    """Write a phantom data set.

    It writes `root/Infection Segmentation Data/{Train,Val,Test}/{class}/{images,infection masks,
    lung masks}/{case}.png` (8-bit grey; masks 0/255). With a shortcut, there are also `shortcut
    masks`, and with readers, `second reader masks` or `reader r1 masks` and so on. It also writes
    `root/patients.csv` (case, patient) and `root/phantom.json` (settings and seed). `clinical` adds
    CheXmask.csv and records.csv. The image folder appears only when it is complete.

    Args:
        root: the data root; an earlier phantom in it is replaced.
        seed: the config's seed; equal seeds and settings give equal bytes.

    Raises:
        InputError: root contains a data set that is not a phantom.
    """
    root = Path(root)
    final, unfinished = root / TOP, root / f".{TOP}.partial"
    note = root / "phantom.json"
    if final.exists() and not note.exists():
        raise InputError(
            "the folder contains a data set that the phantom did not write",
            file=final,
            remedy="Give the phantom a separate folder",
        )
    shutil.rmtree(unfinished, ignore_errors=True)
    items = list(plan(dict(settings.cases), seed))
    with_clinical = getattr(settings, "clinical", False)
    organs, records = [], []
    for item in items:
        made = make_image(item, settings, seed)
        folder = unfinished / SPLIT_FOLDERS[item.split] / item.label
        pictures = {
            "images": made.image,
            "infection masks": made.infection,
            "lung masks": made.lung,
            **({"shortcut masks": made.shortcut} if settings.shortcut.class_ is not None else {}),
            **made.readers,
        }
        for name, pixels in pictures.items():
            write_png(folder / name / f"{item.case}.png", pixels)
        if with_clinical:
            stream = partial(_stream, seed)
            quality = stream(item.case, "organ quality")
            organs.append(clinical.organ_row(item.case, made.organs, quality))
            streams = stream(item.patient, "record"), stream(item.case, "view")
            records.append(clinical.record_row(item.case, *streams))
    unfinished.mkdir(parents=True, exist_ok=True)
    if with_clinical:
        # Published files have rows for images that a copy of the data set may lack; this is one.
        organs.append({**organs[-1], "image_id": "not_in_this_copy"})
        write_csv(pd.DataFrame(organs), root / clinical.ORGAN_FILE)
        write_csv(pd.DataFrame(records), root / clinical.RECORD_FILE)
    table = pd.DataFrame([(item.case, item.patient) for item in items], columns=["case", "patient"])
    write_csv(table, root / "patients.csv")
    # An optional key is only written if it is set.
    noted = {*PARAMETERS, *(["clinical"] if with_clinical else [])}
    facts = settings.model_dump(include=noted)
    write_text(note, json.dumps({"seed": seed, **facts}, indent=2, sort_keys=True) + "\n")
    if final.exists():
        shutil.rmtree(final)
    unfinished.rename(final)


def _stream(seed: int, *parts: str) -> np.random.Generator:
    return np.random.default_rng(seed_for(seed, "phantom", *parts))


@lru_cache(maxsize=1)  # the images of a patient follow each other
def _patient(patient: str, label: str, seed: int) -> tuple[Anatomy, Lesions]:
    anatomy = make_anatomy(_stream(seed, patient, "anatomy"))
    return anatomy, make_lesions(label, anatomy, _stream(seed, patient, "lesions"))


def _has_shortcut(item: Plan, shortcut: Shortcut, rng: np.random.Generator) -> bool:
    if shortcut.class_ is None:
        return False
    mine = item.label == shortcut.class_
    return bool(rng.random() < (shortcut.probability if mine else shortcut.distractor))


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write an image, or a mask as 0 and 255; its folder is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels
    if not cv2.imwrite(str(path), pixels):
        raise OSError(f"{path}: the image could not be written")
