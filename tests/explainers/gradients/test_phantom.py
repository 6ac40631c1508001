"""Each gradient method finds a patch that a small network was trained to recognise."""

import importlib

import pytest

from fidelity.explainers.base import Context
from fidelity.explainers.registry import METHODS
from tests.helpers.gradient_cases import GRADIENTS, entry
from tests.helpers.patch_phantom import TESTED, aucs, chance_aucs, patch_tasks, trained_classifier

OWN = {
    "guided_gradcam": {"layer": "8"},
    "integrated_gradients": {"steps": 12},
    "gradient_shap": {"samples": 12},
    "smoothgrad": {"samples": 12},
}


@pytest.fixture(scope="module")
def classifier():
    return trained_classifier()


@pytest.fixture(scope="module")
def tasks():
    return patch_tasks()


def scores(classifier, tasks, method, **own):
    module = importlib.import_module(f"fidelity.{METHODS[method].module}")
    settings = entry(method, **OWN.get(method, {}), **own)
    explain = module.make(Context(classifier, 8, 1, method), settings)
    alone = [task for task, _ in tasks]
    return aucs(
        [found for at in range(0, TESTED, 8) for found in explain(alone[at : at + 8])], tasks
    )


@pytest.mark.parametrize("method", GRADIENTS)
def test_each_method_finds_the_patch(classifier, tasks, method):
    """A signed gradient is high on only one side of an edge, so it is smoothed by 2 px.

    Signed guided maps of a striped patch cancel when they are smoothed, so magnitudes are used.
    """
    own = {"magnitude": True} if method.startswith("guided") else {}
    by_chance = chance_aucs(tasks)
    rough = scores(classifier, tasks, method)
    assert rough.mean() > 0.52
    smooth = scores(classifier, tasks, method, smoothing=2, **own)
    assert smooth.mean() > max(0.85, by_chance.mean() + 0.15, rough.mean() - 0.01)
    assert (smooth > by_chance).mean() > 0.9
