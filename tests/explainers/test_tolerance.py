"""Maps from separate processes have the same bytes, or differ as docs/speed.md states."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers import ROOT

CHILD = """
import sys

import numpy as np
import torch
from torch import nn

from fidelity.classifiers.model import Classifier
from fidelity.base.compute import configure
from fidelity.explainers.base import Context
from fidelity.explainers.gradients import integrated
from fidelity.maps.saliency_map import render
from fidelity.settings.explainers import IntegratedGradients
from tests.helpers.patch_phantom import SIDE, patch_tasks

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, 2, 1), nn.ReLU(),
    nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 2),
)
classifier = Classifier(network, "plugin:own", ("none", "patch"), "softmax", image_size=SIDE).eval()
explain = integrated.make(
    Context(classifier, 16, 1, "integrated_gradients"),
    IntegratedGradients(steps=8),
)
tasks, whole = [task for task, _ in patch_tasks()[:4]], (0, 0, SIDE, SIDE)
for threads in map(int, sys.argv[2:]):
    configure({"threads": threads, "device": "cpu"})
    assert torch.get_num_threads() == threads
    found = [render(one.map, whole, (SIDE, SIDE)) for one in explain(tasks)]
    np.save(f"{sys.argv[1]}-{threads}.npy", np.stack(found))
"""


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Return normalised maps of four images by (process, threads)."""
    folder = tmp_path_factory.mktemp("tolerance")
    path = os.pathsep.join([str(ROOT / "workflow_scripts"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    for process, threads in (("a", "12"), ("b", "1")):
        command = [sys.executable, "-c", CHILD, str(folder / process), *threads]
        subprocess.run(command, check=True, env=environment)
    return {(p, n): np.load(folder / f"{p}-{n}.npy") for p, n in (("a", 1), ("a", 2), ("b", 1))}


def stated(row):
    """Read the float32 tolerance between machines from the page, so that test and page agree."""
    page = (ROOT / "docs" / "speed.md").read_text()
    section = page.split("## Tolerance\n")[1].split("\n## ")[0]
    return float(re.search(rf"^\| {re.escape(row)} \| 0 \| ([\d.e-]+) \|", section, re.M)[1])


def test_two_processes_of_one_thread_make_the_same_bytes(maps):
    assert maps["a", 1].tobytes() == maps["b", 1].tobytes()
    assert np.ptp(maps["a", 1], axis=(1, 2)).min() == 1  # these are maps, not zeros


def test_two_threads_stay_within_what_is_stated(maps):
    assert np.abs(maps["a", 2] - maps["a", 1]).max() <= stated("map (0 to 1)")
