"""Lung masks for data sets without any: a small U-Net trained on another data set's lung masks.

The network sees the full image, whatever the `input` of the data set is, stretched to a square as
for classifiers. Its masks are resized to the image's native size and cleaned up at that size.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np
import torch

from fidelity.base.compute import configure
from fidelity.base.errors import InputError
from fidelity.base.seeding import seed_for
from fidelity.base.training_state import EpochStore
from fidelity.datasets.cases import Case
from fidelity.datasets.images.images import Intensity, read_image
from fidelity.datasets.images.squares import resize_image
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.mask_files.mask_values import LUNG as LUNG_MASK
from fidelity.datasets.mask_files.mask_values import MaskValues
from fidelity.datasets.prepare import LungPredictor
from fidelity.explainers.baselines.fitted import fitted_settings, read_fitted, write_fitted
from fidelity.masks.run_lengths import at_size
from fidelity.segmentation.unet import Examples, Segmenter, train_network
from fidelity.settings.config import LungModel

METHOD = "lung_model"
LUNG = ["lung"]
READERS = 4

log = logging.getLogger(__name__)


def fit(
    cases: Sequence[Case],
    root: Path,
    settings: LungModel,
    intensity: Intensity,
    seed: int,
    compute: dict[str, Any],
    output: Path,
    code: str = "",
    mask_values: MaskValues | None = None,
) -> None:
    """Train the U-Net on the lung masks of the training split; refuse a split without any.

    Args:
        cases: cases of a data set with lung masks. The network is trained on those of the training
            split; those of the validation split choose the epoch.
        code: digest of the training code; a stopped training resumes if the digest is the same.
    """
    device = configure(compute)
    training, validation = (
        _examples(chosen(cases, split, settings.cases), root, settings, intensity, mask_values)
        for split in ("train", "val")
    )
    if not len(training):
        raise InputError(
            "no training case has a lung mask to train on",
            field="lung_from",
            remedy="Set lung_from to a data set whose training split has lung masks",
        )
    log.info("lung masks: %d for training, %d for validation", len(training), len(validation))
    torch.manual_seed(seed_for(seed, METHOD))
    network = Segmenter(1, settings.channels).to(device)
    store = EpochStore(output, code)
    train_network(network, training, validation, settings, seed, store)
    tensors = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    write_fitted(output, tensors, LUNG, {"method": METHOD, **dict(settings)})
    store.clear()


def predictor(path: Path, components: int, compute: dict[str, Any]) -> LungPredictor:
    """Load a model.

    Returns:
        A function from an image (H, W), grey values 0 … 255, to its lung mask (H, W) bool. Lung is
        where the probability, resized to native size (bilinear), is above ½; the largest components
        are kept. Threads may share the function. Each image is its own batch, so that a mask does
        not depend on other images.
    """
    device = configure(compute)
    tensors, _ = read_fitted(path, METHOD)
    settings = LungModel.of_job(fitted_settings(path))
    network = Segmenter(1, settings.channels)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    network.to(device).eval()
    lock = Lock()

    @torch.no_grad()
    def predict(image: np.ndarray) -> np.ndarray:
        small = torch.from_numpy(resize_image(image, settings.size)).to(device).float() / 255
        with lock:
            probability = network(small[None])[0, 0].sigmoid().cpu().numpy()
        height, width = image.shape
        native = cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR)
        return largest_components(native > 0.5, components)

    return predict


def largest_components(mask: np.ndarray, count: int) -> np.ndarray:
    """Keep the largest connected components (8 neighbours); among ties, the upper left first.

    Args:
        mask: (H, W) bool.
        count: the number of components to keep; 0 keeps all.
    """
    if count == 0:
        return mask
    number, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = facts[1:, cv2.CC_STAT_AREA]
    if number - 1 <= count:
        return mask
    kept = 1 + np.argsort(-areas, kind="stable")[:count]
    return np.isin(labels, kept)


def chosen(cases: Iterable[Case], split: str, limit: int | None) -> list[Case]:
    """Select the cases of a split with a lung mask, the first `limit` by a hash of their id."""
    found = [case for case in cases if case.split == split and case.lung_mask is not None]
    ranked = sorted(found, key=lambda c: hashlib.blake2b(c.case.encode(), digest_size=8).digest())
    return sorted(ranked[:limit], key=lambda case: case.case)


def _examples(
    cases: Sequence[Case],
    root: Path,
    settings: LungModel,
    intensity: Intensity,
    mask_values: MaskValues | None,
) -> Examples:
    side = settings.size

    def one(case: Case) -> tuple[np.ndarray, np.ndarray]:
        image = resize_image(read_image(root / case.image, intensity), side)
        mask = read_mask_at(root, case.lung_mask, LUNG_MASK, mask_values)
        return image, at_size(mask, (side, side))

    with ThreadPoolExecutor(READERS) as pool:
        pairs = list(pool.map(one, cases))
    shape = (len(pairs), side, side)
    images, masks = np.zeros(shape, np.uint8), np.zeros(shape, bool)
    for number, (image, mask) in enumerate(pairs):
        images[number], masks[number] = image, mask
    return Examples(images, masks, np.zeros(len(pairs), np.int64), LUNG)
