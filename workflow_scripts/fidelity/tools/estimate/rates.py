"""Estimate the cost of each kind of job from its trials."""

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
    """Cost of one kind of job, without the start of a job.

    Attributes:
        points: (units of work, measurement of a trial with that many units).
    """

    points: list[tuple[float, Measured]] = field(default_factory=list)

    def at(self, units: float, what: str) -> float:
        """Predict `wall`, `cpu` or `size` of a job with a line through its trials.

        The line goes through the medians of the trials with the fewest and the most units. Its
        slope is not negative, and its values are not below 0.
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
    """Return the kind of a job: jobs of one kind take the same time for the same cases."""
    return job.rule, study.place(job), RULES[job.rule].kind(study, job)


def parts_of(study: CountedStudy, job: Job, counts: Counts) -> list[tuple[str, float]]:
    """Split a job into parts that are timed separately: the stages of a training, or the whole job.

    Returns:
        (stage as text, units of work) of each part.
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
    """Write a training stage as text without `epochs`: stages with equal text are timed once."""
    return json.dumps({k: v for k, v in stage.items() if k != "epochs"}, sort_keys=True)


class Timings:
    """Results of the trials of a study.

    Attributes:
        rates: (kind of job, part) → rate.
        starts: kind of start (`start_of`) → (wall, cpu) seconds of a job's start.
        failed: step → reason for its first failed trial.
    """

    def __init__(self, study: CountedStudy) -> None:
        """Start without results."""
        self.study = study
        self.rates: dict[tuple[Kind, str], Rate] = defaultdict(Rate)
        self.starts: dict[str, tuple[float, float]] = {}
        self.failed: dict[str, str] = {}

    def points(self, job: Job, part: str = "") -> list[tuple[float, Measured]]:
        """Return the list of results for a job's kind, to which new ones are appended."""
        return self.rates[kind_of(self.study, job), part].points

    def fail(self, job: Job, why: str) -> None:
        """Record that a trial failed."""
        self.failed.setdefault(step_of(self.study, job), why)

    def start(self, job: Job) -> tuple[float, float]:
        """Return the (wall, cpu) seconds of a job's start; the median of all kinds if not timed."""
        found = self.starts.get(start_of(self.study, job))
        if found is None and self.starts:
            found = tuple(median(times) for times in zip(*self.starts.values(), strict=True))
        return found or (0.0, 0.0)

    def missing(self, jobs: Iterable[Job]) -> list[str]:
        """List the steps with too low estimates, because a trial failed or none was run."""
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
            why = self.failed.get(step, "").strip().splitlines()[-1:] or ["no trial run was made"]
            if not timed.get(step, True):
                lines.append(
                    f"Not timed, so only the start of the job is counted: {step} ({why[0]})"
                )
            elif step in self.failed:
                lines.append(f"A trial failed, so its cost may be too low: {step} ({why[0]})")
        return lines
