"""CAMs of a network trained to recognise a patch: each finds it better than a random map does."""

import importlib

import numpy as np
import pytest

from fidelity.explainers.base import Context
from fidelity.explainers.registry import METHODS
from fidelity.settings.explainers import Explainer
from tests.helpers.patch_phantom import TESTED, aucs, chance_aucs, patch_tasks, trained_classifier

CAMS = [name for name, method in METHODS.items() if method.family == "cam"]
OWN = {
    "gradcam_plus_plus": {"epsilon": 1e-6},
    "finercam": {"alpha": 1.0, "comparisons": 3},
    "scorecam": {"output": "logit"},
    "fullgrad": {"scale": "channel"},
}


@pytest.fixture(scope="module")
def classifier():
    return trained_classifier()


@pytest.fixture(scope="module")
def tasks():
    return patch_tasks()


def explained(classifier, tasks, method, batch=8, layer="8"):
    module = importlib.import_module(f"fidelity.{METHODS[method].module}")
    own = {"layer": layer, **OWN.get(method, {})}
    own = {key: value for key, value in own.items() if method != "fullgrad" or key != "layer"}
    entry = Explainer.model_validate({"method": method, **own})
    return module.make(Context(classifier, batch, 1, method), entry)(tasks)


@pytest.mark.parametrize("method", CAMS)
def test_each_cam_finds_the_patch(classifier, tasks, method):
    alone = [task for task, _ in tasks]
    by_chance = chance_aucs(tasks)
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
