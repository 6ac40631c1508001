"""A case and a classifier with random weights, for benchmarks of the library."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fidelity.classifiers.architectures import build, normalisation
from fidelity.classifiers.model import Classifier
from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.base import Context, Task
from fidelity.explainers.registry import method_of
from fidelity.explainers.runner import _record
from fidelity.maps.saliency_map import write_maps
from fidelity.masks.run_lengths import encode
from fidelity.settings.explainers import Explainer

TRIAL_CLASSES = ("A", "B", "C")


def trial_case(side: int) -> PreparedCase:
    """Make a case of the given size: smooth structure, noise, an elliptic lung."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    lung = ((x - 0.5) / 0.35) ** 2 + ((y - 0.5) / 0.4) ** 2 < 1
    image = 90 + 70 * lung + 30 * np.sin(20 * x) * np.cos(17 * y) + rng.normal(0, 6, (side, side))
    return PreparedCase(
        case="trial",
        patient="trial",
        split="test",
        labels=("A",),
        image=np.clip(image, 0, 255).astype(np.uint8),
        lung=lung,
        native_size=(side, side),
        box=(0, 0, side, side),
        references={"A": encode(lung)},
        lung_native=encode(lung),
        digest="",
    )


def trial_classifier(entry: dict[str, Any], side: int, plugins: list[str]) -> Classifier:
    """Build a classifier's network with random weights."""
    network = build(
        entry["architecture"], len(TRIAL_CLASSES), False, image_size=side, plugins=plugins
    )
    mean, std = normalisation(entry["architecture"], False, plugins)
    return Classifier(
        network, entry["architecture"], TRIAL_CLASSES, "softmax", len(mean), mean, std, side
    ).eval()


def time_explainer(
    entry: dict[str, Any],
    classifier: Classifier | None,
    side: int,
    compute: dict[str, Any],
    plugins: list[str],
    fitted: Path | None = None,
) -> tuple[float, float]:
    """Explain the trial case.

    Args:
        entry: the explainer's config.
        classifier: None for explainers without one.
        side: working size in pixels.
        compute: the config's settings; quick explainers are timed on a whole batch.
        plugins: the config's plugin files.
        fitted: file of the fitted explainer; None for methods that are not fitted.

    Returns:
        (seconds per map, megabytes per map).
    """
    batch = compute["batch"]
    context = Context(classifier, batch, 1, entry["method"], fitted, compute, plugins)
    explain = method_of(entry["method"]).implementation().make(context, Explainer.of_job(entry))
    task = Task(trial_case(side), "A", None if classifier is None else 0)
    started = time.perf_counter()
    explanations = explain([task])
    seconds = time.perf_counter() - started
    if seconds < 0.5:
        started = time.perf_counter()
        # Different cases, because tasks of the same case share computations.
        explain([replace(task, case=replace(task.case, case=f"trial {n}")) for n in range(batch)])
        seconds = (time.perf_counter() - started) / batch
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.h5"
        write_maps(path, [_record(task, explanations[0], classifier, 0.0)] * 20, {})
        size = path.stat().st_size / 20 / 1e6
    return seconds, size
