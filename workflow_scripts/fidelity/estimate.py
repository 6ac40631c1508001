"""What a study will cost: CPU-hours and disk, from timing one case per explainer.

The networks have random weights: time and size do not depend on what they have learnt.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fidelity import settings
from fidelity.classifiers.architectures import build, normalisation
from fidelity.classifiers.foreign import classifier_of
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.weights_file import read_foreign
from fidelity.compute import autocast, configure
from fidelity.datasets import registry
from fidelity.datasets.prepared import PreparedCase, write_prepared
from fidelity.explainers.base import Context, Task
from fidelity.explainers.registry import method_of
from fidelity.explainers.runner import _record
from fidelity.faithfulness.cohort import measure_maps
from fidelity.faithfulness.measures import measures_of
from fidelity.faithfulness.registry import of_given_maps
from fidelity.maps import MapRecord, SaliencyMap, write_maps
from fidelity.masks import encode

# Seconds to start a job and import what it needs, measured on 2 cores.
START_SECONDS = 2.5
TRIAL_CLASSES = ("A", "B", "C")
FIT_CASES = 16


@dataclass(frozen=True)
class Cost:
    """Cost of one step.

    Attributes:
        step: what is done.
        units: how many times (maps, epochs, jobs).
        core_hours: wall-clock hours times threads.
        megabytes: disk for its results.
    """

    step: str
    units: int
    core_hours: float
    megabytes: float


def count_cases(config: dict[str, Any], dataset: str) -> tuple[dict[str, int], dict[str, int]]:
    """Count images and annotated ones per split, from what is cheapest to look at.

    Args:
        config: a loaded config.
        dataset: its key.

    Returns:
        (images per split, annotated classes of images per split: a map is made of each).
    """
    entry = config["datasets"][dataset]
    if entry["source"] == "phantom":
        images = {split: min(n, 3 * (entry["limit"] or n)) for split, n in entry["cases"].items()}
        share = len(entry["annotated_classes"]) / 3
        return images, {split: round(n * share) for split, n in images.items()}
    root = settings.data_root(config, dataset)
    reader = registry.reader(entry["source"])
    follow = getattr(reader, "masks_follow_labels", True)
    several = getattr(reader, "multilabel", False)
    cases = [
        case
        for case in reader.find_cases(root, entry)
        if several or any(entry["labels"].get(name, name) is not None for name in case.labels)
    ]
    annotated = set(entry["annotated_classes"])
    images = {s: sum(c.split == s for c in cases) for s in ("train", "val", "test")}
    cohort = {
        s: sum(len(annotated & set(c.labels if follow else c.masks)) for c in cases if c.split == s)
        for s in images
    }
    if entry["limit"]:
        labels = {label for case in cases for label in case.labels}
        images = {s: min(n, entry["limit"] * len(labels)) for s, n in images.items()}
        cohort = {s: min(n, entry["limit"] * len(annotated)) for s, n in cohort.items()}
    return images, cohort


def trial_case(side: int) -> PreparedCase:
    """Make a case of the size in question: smooth structure, noise, an elliptic lung."""
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
        second_references={"A": encode(lung)},
        lung_native=encode(lung),
        digest="",
    )


def trial_classifier(entry: dict[str, Any], side: int, plugins: list[str]) -> Classifier:
    """Build a classifier's network with random weights; a TorchScript is what its file says."""
    if entry["architecture"] == "torchscript":
        foreign = read_foreign(entry["weights"], "torchscript", image_size=side, trusted=True)
        classes = [f"output {number}" for number in range(foreign.outputs)]
        return classifier_of(foreign, classes, "sigmoid", {"output_values": "logits"})
    network = build(
        entry["architecture"], len(TRIAL_CLASSES), False, image_size=side, plugins=plugins
    )
    mean, std = normalisation(entry["architecture"], False, plugins)
    return Classifier(
        network, entry["architecture"], TRIAL_CLASSES, "softmax", len(mean), mean, std, side
    ).eval()


def time_fit(entry: dict[str, Any], side: int, compute: dict[str, Any], output: Path) -> float:
    """Fit an explainer that learns from training masks to a few trial cases, for one epoch.

    Args:
        entry: the explainer's config.
        side: working size in pixels.
        compute: the config's compute.
        output: where the fit is written, for `time_explainer`.

    Returns:
        Seconds per training image (and epoch, where there are epochs).
    """
    shard = output.with_name("trial.h5")
    cases = [replace(trial_case(side), case=f"trial-{n}") for n in range(FIT_CASES)]
    write_prepared(shard, cases, {"image_size": side, "classes": list(TRIAL_CLASSES)})
    module = method_of(entry["method"]).implementation()
    once = {**entry, "epochs": 1} if "epochs" in entry else entry
    started = time.perf_counter()
    module.fit([shard], [], once, 1, compute, output)
    return (time.perf_counter() - started) / FIT_CASES


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
        compute: the config's; explainers that are quick are timed on a whole batch.
        plugins: the config's plugin files.
        fitted: what the explainer has learnt, if it is one that does.

    Returns:
        (seconds per map, megabytes per map).
    """
    batch = compute["batch"]
    context = Context(classifier, batch, 1, entry["method"], fitted, compute)
    module = method_of(entry["method"]).implementation()
    explain = module.make(context, {**entry, "plugins": plugins})
    task = Task(trial_case(side), "A", None if classifier is None else 0)
    started = time.perf_counter()
    explanations = explain([task])
    seconds = time.perf_counter() - started
    if seconds < 0.5:
        started = time.perf_counter()
        # Cases of their own: what tasks of one case share is computed once.
        explain([replace(task, case=replace(task.case, case=f"trial {n}")) for n in range(batch)])
        seconds = (time.perf_counter() - started) / batch
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.h5"
        write_maps(path, [_record(task, explanations[0], classifier, 0.0)] * 20, {})
        size = path.stat().st_size / 20 / 1e6
    return seconds, size


def training_steps(training: dict[str, Any], images: int) -> tuple[int, dict[int, int]]:
    """Count the epochs of a training at most, and its steps by batch size.

    Args:
        training: a classifier's `training`; its stages may have batches of their own.
        images: in the training split.

    Returns:
        (epochs over all stages, {images per step: steps}).
    """
    epochs, steps = 0, {}
    for stage in training["stages"] or [{}]:
        stage = {**training, **stage}
        epochs += stage["epochs"]
        count = -(-images // stage["batch"]) * stage["epochs"]
        steps[stage["batch"]] = steps.get(stage["batch"], 0) + count
    return epochs, steps


def time_training_step(classifier: Classifier, batch: int, compute: dict[str, Any]) -> float:
    """Time one step of training (forward, backward), the second of two; seconds."""
    device = configure(compute)
    images = np.repeat(trial_case(classifier.image_size).image[None], batch, axis=0)
    classifier.to(device).train()
    for _ in range(2):
        started = time.perf_counter()
        with autocast(device, compute["dtype"]):
            loss = classifier(classifier.preprocess(images)).float().logsumexp(1).mean()
        loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
    classifier.eval()
    return seconds


def further_maps(
    config: dict[str, Any], dataset: str, explainer: str, cohort: dict[str, int]
) -> dict[str, int]:
    """Count the maps that checks make beside those that are scored, for one classifier.

    Args:
        config: a loaded config.
        dataset: its key.
        explainer: its key.
        cohort: annotated classes of images per split.

    Returns:
        {check: maps}, of the checks that are asked for.
    """
    classes = len(config["datasets"][dataset]["annotated_classes"])
    explained = cohort[settings.judged_split(config)]
    entry, found = config["explainers"][explainer], {}
    asked = config["faithfulness"]["sensitivity"]
    moved = "sensitivity_max" in config["faithfulness"]["metrics"]
    if moved and not method_of(entry["method"]).given:
        cases = explained if asked["cases"] is None else min(explained, asked["cases"] * classes)
        found["sensitivity"] = cases * (asked["samples"] + 1)
    if explainer in settings.checked_explainers(config):
        sanity = config["sanity"]
        checks = sanity["layers"] * ("parameters" in sanity["tests"]) + ("logit" in sanity["tests"])
        found["sanity"] = min(explained, sanity["cases"] * classes) * (checks + 1)
    return found


def time_faithfulness(
    classifier: Classifier, settings: dict[str, Any], compute: dict[str, Any]
) -> float:
    """Measure the faithfulness of a trial map; seconds. Sensitivity counts as maps, not here."""
    case = trial_case(classifier.image_size)
    trial = SaliencyMap("dense", case.image / 255)
    record = MapRecord(case.case, "A", classifier.classes[0], "ok", "", 0.0, map=trial)
    masks = {case.case: case.references}
    measures = measures_of(classifier, settings, compute, derivative=False)
    started = time.perf_counter()
    targets = {(case.case, "A"): 0}
    measure_maps([(case, record)], targets, masks=masks, sign="positive", seed=1, **measures)
    return time.perf_counter() - started


def estimate(config: dict[str, Any], dataset: str) -> list[Cost]:
    """Estimate the dear steps of one data set.

    Args:
        config: a loaded config.
        dataset: its key.

    Returns:
        One entry per training, per explainer and classifier, per check that makes maps of its own,
        per classifier whose maps' faithfulness is measured, and one for preparing.
    """
    compute, entry = config["compute"], config["datasets"][dataset]
    side, threads = entry["image_size"], compute["threads"]
    images, cohort = count_cases(config, dataset)
    total = sum(images.values())
    maps = sum(cohort[split] for split in config["explain"]["splits"])
    costs = [Cost(f"{dataset}: prepare", total, total * 0.01 / 3600, total * side * side * 0.8e-6)]
    classifiers = settings.expand_classifiers(config)
    device, bases = configure(compute), settings.base_names(config)
    faithful = config["faithfulness"]
    measured = of_given_maps(faithful["metrics"])
    for name, chosen in classifiers.items():
        classifier = trial_classifier(chosen, side, config["plugins"]).to(device)
        if chosen["training"] is not None:
            epochs, steps = training_steps(chosen["training"], images["train"])
            seconds = sum(
                time_training_step(classifier, batch, compute) * count
                for batch, count in steps.items()
            )
            size = sum(p.numel() for p in classifier.parameters()) * 4e-6
            step = f"{dataset}: train {name} ({epochs} epochs at most)"
            costs.append(Cost(step, 1, seconds * threads / 3600, size))
        if measured:
            seconds = time_faithfulness(classifier, {**faithful, "metrics": measured}, compute)
            asked = cohort[settings.judged_split(config)] * len(config["explainers"])
            step = f"{dataset}: faithfulness of all explainers, {name}"
            costs.append(Cost(step, asked, asked * seconds * threads / 3600, 0))
        for key, explainer in config["explainers"].items():
            if method_of(explainer["method"]).needs_classifier:
                seconds, size = time_explainer(
                    settings.explainer_for(explainer, bases[name]),
                    classifier,
                    side,
                    compute,
                    config["plugins"],
                )
                step = f"{dataset}: explain {key}, {name}"
                costs.append(Cost(step, maps, maps * seconds * threads / 3600, maps * size))
                for check, count in further_maps(config, dataset, key, cohort).items():
                    step = f"{dataset}: {check} of {key}, {name}"
                    costs.append(Cost(step, count, count * seconds * threads / 3600, 0))
    for key, explainer in config["explainers"].items():
        method = method_of(explainer["method"])
        # Reading maps that are there costs nothing beside making some.
        if method.needs_classifier or explainer["method"] == "imported":
            continue
        cores = threads if method.own_network else 1
        with tempfile.TemporaryDirectory() as folder:
            fitted = Path(folder) / "fitted.safetensors" if method.fitted else None
            if fitted is not None:
                epochs = explainer.get("epochs", 1)
                seconds = time_fit(explainer, side, compute, fitted) * cohort["train"] * epochs
                size = fitted.stat().st_size / 1e6
                costs.append(Cost(f"{dataset}: fit {key}", 1, seconds * cores / 3600, size))
            seconds, size = time_explainer(
                explainer, None, side, compute, config["plugins"], fitted
            )
        step = f"{dataset}: explain {key}"
        costs.append(Cost(step, maps, maps * seconds * cores / 3600, maps * size))
        for check, count in further_maps(config, dataset, key, cohort).items():
            step = f"{dataset}: {check} of {key}"
            costs.append(Cost(step, count, count * seconds * cores / 3600, 0))
    return costs
