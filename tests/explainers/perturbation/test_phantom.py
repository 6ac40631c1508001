"""On the phantom, with a small network trained on it, each method finds the lesions."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from fidelity.classifiers.model import Classifier
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.sources.phantom.phantom import generate
from fidelity.explainers.base import Context, Task
from fidelity.explainers.baselines import random_superpixels
from fidelity.maps.saliency_map import raw_map
from fidelity.masks.run_lengths import decode
from fidelity.settings.explainers import RandomSuperpixels
from tests.helpers.entries import dataset, with_keys
from tests.helpers.perturbation_settings import METHODS, SLIC

SICK = ["COVID-19", "Non-COVID"]
SIDE = 64
FOUND = {
    "kernel_shap": {"samples": 300, "output": "logit", "hide": "blur"},
    "rise": {"samples": 500, "output": "logit", "fill": 0.3, "normalise": "coverage"},
    "occlusion": {"window": 12, "stride": 4, "output": "logit", "fill": "blur"},
    "feature_ablation": {"output": "logit", "hide": "blur"},
}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    """Return cases per split, masked to the lung, as only differences inside show the disease."""
    root = tmp_path_factory.mktemp("phantom")
    generate(
        root, dataset("phantom", {"cases": {"train": 120, "val": 3, "test": 24}, "size": 96}), 3
    )
    common = {"annotated_classes": SICK, "image_size": SIDE, "input": "lung_masked"}
    found, *_ = index_cases(root, dataset("phantom", common))
    return {
        split: list(
            prepare_cases([c for c in found if c.split == split], root, dataset("table", common))
        )
        for split in ("train", "test")
    }


def pixels(cases):
    labels = [0 if case.labels[0] in SICK else 1 for case in cases]
    return np.stack([case.image for case in cases]), torch.tensor(labels)


@pytest.fixture(scope="module")
def trained(phantom):
    """Train three convolutions that tell sick from healthy on unseen cases."""
    torch.manual_seed(0)
    layers = []
    for inputs, outputs, kernel, stride in ((3, 16, 5, 2), (16, 32, 3, 2), (32, 64, 3, 1)):
        layers += [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)]
        layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2))
    classifier = Classifier(
        network, "small", ("Sick", "Normal"), "softmax", 3, (0.5,) * 3, (0.25,) * 3, SIDE
    )
    images, labels = pixels(phantom["train"])
    epochs = 40
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    # The rate falls to 0. Otherwise, the accuracy would depend on the last step and so on rounding.
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(16):
            inputs = classifier.preprocess(images[batch])
            inputs = inputs.flip(3) if torch.rand(()) < 0.5 else inputs
            loss = nn.functional.cross_entropy(classifier(inputs), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    classifier.eval()
    images, labels = pixels(phantom["test"])
    with torch.inference_mode():
        right = classifier(classifier.preprocess(images)).argmax(1) == labels
    assert right.float().mean() > 0.8
    return classifier


def mean_auc(module, name, entry, classifier, cases, lung_only):
    """Compute the pixel AUC of the lesions, in the whole image or only in the lung."""
    tasks = [Task(case, cls, 0) for case in cases for cls in case.references]
    scores = []
    made = module.make(Context(classifier, 32, 1, name), entry)(tasks)
    for task, explanation in zip(tasks, made, strict=True):
        lesion, values = decode(task.case.references[task.cls]), raw_map(explanation.map, (96, 96))
        of = decode(task.case.lung_native) if lung_only else np.ones_like(lesion)
        scores.append(roc_auc_score(lesion[of], values[of]))
    return float(np.mean(scores))


@pytest.mark.parametrize("name", METHODS)
def test_pixel_auc_is_above_that_of_random_superpixels(name, phantom, trained):
    module, entry = METHODS[name]
    entry = with_keys(entry, **FOUND[name])
    for lung_only, margin in ((False, 0.3), (True, 0.05)):
        null = mean_auc(
            random_superpixels, "random_superpixels", RandomSuperpixels(superpixels=SLIC), None,
            phantom["test"], lung_only,
        )  # fmt: skip
        ours = mean_auc(module, name, entry, trained, phantom["test"], lung_only)
        print(name, lung_only, round(ours, 3), round(null, 3))
        assert ours > null + margin
        assert ours > 0.5
