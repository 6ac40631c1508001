"""What jobs of each kind take, by their trials."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from fidelity.tools.estimate.counts import Counts
from fidelity.tools.estimate.plan import Job
from fidelity.tools.estimate.rules import (
    RULES,
    CountedStudy,
    Trial,
    passes,
    stages_of,
    start_of,
    step_of,
)
from fidelity.tools.estimate.trial import Measured

Kind = tuple[str, str, str]


@dataclass
class Rate:
    """What jobs of one kind take, beside their start.

    Attributes:
        points: (units, what a trial of so many took).
    """

    points: list[tuple[float, Measured]] = field(default_factory=list)

    def at(self, units: float, what: str) -> float:
        """Predict `wall`, `cpu` or `size` of a job by a line through its trials.

        The line goes through the medians of the trials with the fewest and with the most units. It
        falls nowhere, and is not below 0.
        """
        groups: dict[float, list[float]] = defaultdict(list)
        for number, measured in self.points:
            groups[number].append(getattr(measured, what))
        if not groups:
            return 0.0
        low, high = min(groups), max(groups)
        base = median(groups[low])
        if low == high:
            return base
        slope = max(0.0, (median(groups[high]) - base) / (high - low))
        return max(0.0, base - slope * low) + slope * units


def kind_of(study: CountedStudy, job: Job) -> Kind:
    """Name the kind of a job: jobs of one kind take the same time for the same cases."""
    return job.rule, study.place(job), RULES[job.rule].kind(study, job)


def parts_of(study: CountedStudy, job: Job, counts: Counts) -> list[tuple[str, float]]:
    """Split a job into what is timed apart: the stages of a training; else the job is one part.

    Returns:
        (stage as text, units) of each.
    """
    if job.rule != "train":
        return [("", RULES[job.rule].units(study, job, counts))]
    images = counts.images["train"], counts.images["val"]
    found = []
    for stage in stages_of(study.classifier(job)["training"]):
        name = stage_name(stage)
        found.append((name, passes(*images, stage["epochs"])))
    return found


def stage_name(stage: Mapping[str, Any]) -> str:
    """Write a stage of a training as text: stages that differ in `epochs` alone are timed once."""
    return json.dumps({k: v for k, v in stage.items() if k != "epochs"}, sort_keys=True)


class Timings:
    """What the trials of a study took.

    Attributes:
        rates: by kind and part of the jobs.
        starts: (wall, cpu) seconds of a job's start, by its kind (`start_of`).
        failed: step → why a trial of it failed, the first time.
    """

    def __init__(self, study: CountedStudy) -> None:
        """Begin without any."""
        self.study = study
        self.rates: dict[tuple[Kind, str], Rate] = defaultdict(Rate)
        self.starts: dict[str, tuple[float, float]] = {}
        self.failed: dict[str, str] = {}

    def points(self, job: Job, part: str = "") -> list[tuple[float, Measured]]:
        """Give what trials of a job's kind took; new ones are appended."""
        return self.rates[kind_of(self.study, job), part].points

    def fail(self, job: Job, why: str) -> None:
        """Note that a trial failed."""
        self.failed.setdefault(step_of(self.study, job), why)

    def start(self, job: Job) -> tuple[float, float]:
        """Give the (wall, cpu) seconds of a job's start; that of most jobs where none was timed."""
        found = self.starts.get(start_of(self.study, job))
        if found is None and self.starts:
            found = tuple(median(times) for times in zip(*self.starts.values(), strict=True))
        return found or (0.0, 0.0)

    def missing(self, jobs: Iterable[Job]) -> list[str]:
        """Write a line on each step whose estimate is too low: a trial failed, or none was run."""
        timed: dict[str, bool] = {}
        for job in jobs:
            if RULES[job.rule].trial == Trial.NONE:
                continue
            counts = self.study.counts_of(job)
            kind = kind_of(self.study, job)
            step = step_of(self.study, job)
            for part, _ in parts_of(self.study, job, counts):
                found = self.rates.get((kind, part), Rate()).points
                timed[step] = timed.get(step, True) and bool(found)
        lines = []
        for step in dict.fromkeys([*timed, *self.failed]):
            why = self.failed.get(step, "").strip().splitlines()[-1:] or ["no trial was run"]
            if not timed.get(step, True):
                lines.append(f"Not timed, counted as a start alone: {step} ({why[0]})")
            elif step in self.failed:
                lines.append(f"A trial failed, so its cost may be too low: {step} ({why[0]})")
        return lines
