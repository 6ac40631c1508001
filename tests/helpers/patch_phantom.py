"""Pictures with or without a patch, and a small network trained to tell them apart."""

from functools import cache

import cv2
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from fidelity.classifiers.model import Classifier
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import random_superpixels
from fidelity.maps.saliency_map import render
from fidelity.masks.run_lengths import encode
from fidelity.settings.explainers import RandomSuperpixels
from fidelity.settings.superpixels import Slic

SIDE, PATCH, TESTED = 48, 12, 16
SUPERPIXELS = Slic(n_segments=30)


def picture(rng, patch):
    """Return smooth noise, uint8 (SIDE, SIDE), and the mask of its bright striped patch.

    `patch` decides whether there is a patch. Without one, the mask is empty.
    """
    noise = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)), (0, 0), 3)
    image = 110 + 90 * noise / np.abs(noise).max()
    mask = np.zeros((SIDE, SIDE), bool)
    y, x = rng.integers(0, SIDE - PATCH, 2)
    if patch:
        mask[y : y + PATCH, x : x + PATCH] = True
        image[mask] += 45 * (-1.0) ** np.arange(PATCH).repeat(PATCH) + 20
    return np.clip(image, 0, 255).astype(np.uint8), mask


@cache
def trained_classifier():
    """Train three convolutions with batch normalisation for a few seconds."""
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


def patch_tasks():
    """Create tasks whose images show a patch, each with its mask."""
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


def aucs(explanations, tasks):
    """Compute the pixel AUC of each map for its patch."""
    whole = (0, 0, SIDE, SIDE)
    return np.array(
        [
            roc_auc_score(mask.ravel(), render(found.map, whole, (SIDE, SIDE)).ravel())
            for found, (_, mask) in zip(explanations, tasks, strict=True)
        ]
    )


def chance_aucs(tasks):
    """Compute the pixel AUC of the null baseline of random superpixels."""
    explain = random_superpixels.make(
        Context(None, 8, 1, "random_superpixels"), RandomSuperpixels(superpixels=SUPERPIXELS)
    )
    return aucs(explain([task for task, _ in tasks]), tasks)
