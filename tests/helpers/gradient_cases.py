"""Entries, cases and maps for the tests of the gradient methods."""

import importlib

import numpy as np

from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Task
from fidelity.explainers.registry import METHODS
from fidelity.settings.explainers import Explainer

GRADIENTS = [name for name, method in METHODS.items() if method.family == "gradient"]


def entry(method, **own):
    """Return a config entry with its defaults."""
    return Explainer.model_validate({"method": method, **own})


def case_of(image, name="case"):
    side = len(image)
    whole = (0, 0, side, side)
    return PreparedCase(name, "p", "test", ("a",), image, None, whole[2:], whole, {}, None, "")


def noise_cases(side, count=3, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, side, side), dtype=np.uint8)
    return [case_of(image, f"case {i}") for i, image in enumerate(images)]


def explain(classifier, cases, method, target=1, batch=4, **own):
    """Compute the explanations of one method, called as the workflow calls it."""
    module = importlib.import_module(f"fidelity.{METHODS[method].module}")
    run = module.make(Context(classifier, batch, 1, method), entry(method, **own))
    return run([Task(case, "a", target) for case in cases])


def maps(*args, **kwargs):
    return np.stack([found.map.values for found in explain(*args, **kwargs)])


def images_of(classifier, cases):
    return classifier.preprocess(np.stack([case.image for case in cases]))
