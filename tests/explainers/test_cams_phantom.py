"""CAMs of a network that was taught to see a patch: each finds it, better than random does."""

import importlib

import cv2
import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from fidelity import settings
from fidelity.classifiers.model import Classifier
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import random_superpixels
from fidelity.explainers.registry import METHODS
from fidelity.maps import render
from fidelity.masks import encode

SIDE, PATCH, TESTED = 48, 12, 16
CAMS = [name for name, method in METHODS.items() if method.family == "cam"]
OWN = {
    "gradcam_plus_plus": {"epsilon": 1e-6},
    "finercam": {"alpha": 1.0, "comparisons": 3},
    "scorecam": {"output": "logit"},
    "fullgrad": {"scale": "channel"},
}
SUPERPIXELS = {"algorithm": "slic", **settings.SUPERPIXEL_DEFAULTS["slic"], "n_segments": 30}


def picture(rng, patch):
    """Smooth noise uint8 (SIDE, SIDE), with a bright striped patch or without; its mask."""
    noise = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)), (0, 0), 3)
    image = 110 + 90 * noise / np.abs(noise).max()
    mask = np.zeros((SIDE, SIDE), bool)
    y, x = rng.integers(0, SIDE - PATCH, 2)
    if patch:
        mask[y : y + PATCH, x : x + PATCH] = True
        image[mask] += 45 * (-1.0) ** np.arange(PATCH).repeat(PATCH) + 20
    return np.clip(image, 0, 255).astype(np.uint8), mask


@pytest.fixture(scope="module")
def classifier():
    """Three convolutions with batch normalisation, trained for a few seconds."""
    torch.manual_seed(0)
    widths = (3, 8, 16, 24)
    layers = []
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    network = nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 2)
    )
    found = Classifier(network, "plugin:own", ("none", "patch"), "softmax", image_size=SIDE)
    optimizer = torch.optim.Adam(found.parameters(), 3e-3)
    rng = np.random.default_rng(0)
    for _ in range(150):
        labels = rng.integers(0, 2, 32)
        images = np.stack([picture(rng, label)[0] for label in labels])
        loss = nn.functional.cross_entropy(found(found.preprocess(images)), torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found.eval()
    labels = rng.integers(0, 2, 200)
    images = np.stack([picture(rng, label)[0] for label in labels])
    with torch.no_grad():
        right = found(found.preprocess(images)).argmax(1).numpy() == labels
    assert right.mean() > 0.95
    return found


@pytest.fixture(scope="module")
def tasks():
    rng = np.random.default_rng(1)
    made = []
    for index in range(TESTED):
        image, mask = picture(rng, True)
        references = {"patch": encode(mask)}
        whole = (0, 0, SIDE, SIDE)
        case = PreparedCase(
            str(index), "p", "test", ("patch",), image, None, whole[2:], whole, references, None, ""
        )
        made.append((Task(case, "patch", 1), mask))
    return made


def explained(classifier, tasks, method, batch=8, layer="8"):
    module = importlib.import_module(f"fidelity.{METHODS[method].module}")
    entry = {"method": method, "layer": layer, **OWN.get(method, {})}
    return module.make(Context(classifier, batch, 1, method), entry)(tasks)


def aucs(explanations, tasks):
    whole = (0, 0, SIDE, SIDE)
    return np.array(
        [
            roc_auc_score(mask.ravel(), render(found.map, whole, (SIDE, SIDE)).ravel())
            for found, (_, mask) in zip(explanations, tasks, strict=True)
        ]
    )


@pytest.mark.parametrize("method", CAMS)
def test_each_cam_finds_the_patch(classifier, tasks, method):
    alone = [task for task, _ in tasks]
    chance = random_superpixels.make(
        Context(None, 8, 1, "random_superpixels"), {"superpixels": SUPERPIXELS}
    )
    by_chance = aucs(chance(alone), tasks)
    found = []
    for start in range(0, TESTED, 8):
        found += explained(classifier, alone[start : start + 8], method)
    scores = aucs(found, tasks)
    assert scores.mean() > 0.85
    assert scores.mean() > by_chance.mean() + 0.15
    assert (scores > by_chance).mean() > 0.8


@pytest.mark.parametrize("method", CAMS)
def test_batches_of_other_sizes_give_the_same_maps(classifier, tasks, method):
    alone = [task for task, _ in tasks[:4]]
    together = explained(classifier, alone, method, batch=4)
    for index, task in enumerate(alone):
        (single,) = explained(classifier, [task], method, batch=1)
        values = together[index].map.values
        peak = np.abs(values).max()
        np.testing.assert_allclose(single.map.values, values, atol=1e-4 * peak)
