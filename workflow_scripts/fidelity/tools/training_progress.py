"""Progress of a classifier's training, read from its log, which has a line per epoch."""

import re
from pathlib import Path

from fidelity.base.progress import duration, line
from fidelity.provenance.steps import benchmark_seconds
from fidelity.settings.classifiers import Training
from fidelity.study import paths
from fidelity.study.paths import TRAIN, benchmark_of, log_of

# Log messages of `classifiers.train`.
STAGE = re.compile(r"INFO stage \d+: ")
EPOCH = re.compile(r"INFO epoch \d+: .*; ([\d.]+) s$")
ENDS = re.compile(r"INFO no better validation loss for \d+ epochs: the stage ends")
# If a log is silent for this many epochs and this many seconds, its job is no longer running.
SILENT_EPOCHS, SILENT_SECONDS = 5, 1800.0


def training_line(
    classifier: str, settings: Training, dataset: str, folder: Path, now: float
) -> str:
    """Describe the progress of a classifier's training on one data set.

    Args:
        classifier: name of the classifier, including the training seed.
        settings: section `training` of its config entry.
        folder: folder that contains `results`.
        now: current time in seconds since the epoch.

    Returns:
        Text such as "training resnet18, demo: 3 of 12 epochs, 14 s per epoch, 2 min 6 s left". It
        is based on the model, benchmark and log. The time left assumes that the remaining epochs
        take as long as those of the current stage, and that no stage stops early.
    """
    what = f"training {classifier}, {dataset}"
    names = {"dataset": dataset, "classifier": classifier}
    whole = settings.model_dump()
    stages = [{**whole, **stage} for stage in whole["stages"] or [{}]]
    planned = [stage["epochs"] for stage in stages]
    if (folder / paths.MODEL.format(**names)).is_file():
        took = benchmark_seconds(folder / benchmark_of(TRAIN).format(**names))
        return f"{what}: done" + (f" in {duration(took)}" if took is not None else "")
    log = folder / log_of(TRAIN).format(**names)
    try:
        text, written = log.read_text(encoding="utf-8"), log.stat().st_mtime
    except OSError:
        return f"{what}: 0 of {sum(planned)} epochs"
    epochs = seconds_of_epochs(text)
    done, here = sum(map(len, epochs)), max(len(epochs) - 1, 0)
    total = sum(map(len, epochs[:here])) + sum(planned[here:])
    timed = (epochs[here] or sum(epochs, [])) if epochs else []
    seconds = sum(timed) / len(timed) if timed else 0.0
    if done and (done == total or _has_ended(text, len(planned))):
        return f"{what}: {done} epochs are done, the model is not written yet"
    if " ERROR " in text or now - written > max(SILENT_SECONDS, SILENT_EPOCHS * seconds):
        resumes = f"resume after epoch {done}" if done else "start over"
        return f"{what}: stopped in epoch {done + 1} of {total}; the next run will {resumes}"
    if not timed:
        return f"{what}: epoch 1 of {total} is under way"
    early = any(stage["patience"] < stage["epochs"] for stage in stages[here:])
    left = line(what, done, total, seconds, unit="epoch")
    return f"{left}, or less if it stops early" if early else left


def seconds_of_epochs(text: str) -> list[list[float]]:
    """Read the seconds per epoch of each stage from the log of a training."""
    stages: list[list[float]] = []
    for entry in text.splitlines():
        if STAGE.search(entry):
            stages.append([])
        elif (epoch := EPOCH.search(entry)) and stages:
            stages[-1].append(float(epoch[1]))
    return stages


def _has_ended(text: str, stages: int) -> bool:
    """Check whether the last stage stopped early."""
    begun = list(STAGE.finditer(text))
    return len(begun) == stages and bool(ENDS.search(text, begun[-1].end()))
