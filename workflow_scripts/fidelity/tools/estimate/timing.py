"""Time jobs of each kind in miniatures of the study.

The trials must be short. A kind of job that took long in its first trial gets a smaller second one,
or none. What cannot be a noticeable part of the study (`NEGLIGIBLE`) is timed roughly or not at
all.
"""

import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from fidelity.datasets.class_names import class_names
from fidelity.explainers.registry import method_of
from fidelity.settings.dataset_keys import Shards
from fidelity.settings.datasets import Dataset
from fidelity.study import paths
from fidelity.tools.estimate.counts import Counts
from fidelity.tools.estimate.disk import size_of_distinct
from fidelity.tools.estimate.miniature import Pool, Size
from fidelity.tools.estimate.plan import Job
from fidelity.tools.estimate.rates import Kind, Timings, kind_of, parts_of
from fidelity.tools.estimate.rules import (
    RULES,
    CountedStudy,
    Trial,
    fills_batches,
    in_batches,
    stages_of,
    start_of,
)
from fidelity.tools.estimate.totals import cost_of
from fidelity.tools.estimate.trial import Measured, run_cold, run_warm, time_notebook
from fidelity.tools.estimate.trial_files import (
    copy_output,
    first_shard,
    has_cases,
    link_missing,
    repeat_cases,
    write_empty,
    write_repeated,
)
from fidelity.tools.estimate.trial_parts import Part, parts_to_try

# Longest trial of a kind on the larger miniature, in seconds. A first trial that took longer is the
# only one.
LONGEST = 6.0
# Images per batch in the first trial of a network on a CPU, because a whole batch can take minutes.
# An image in a small batch takes 9 to 16 % longer (docs/speed.md).
FEW = 4
# Share of the study's CPU time. Statistics are not timed on more cases, and the start of a rule's
# jobs is not timed, if all of its jobs take less.
NEGLIGIBLE = 0.002
START = 3.0  # seconds; start of a job, before any was timed
REPEATS = 4  # of the tables, in the larger trial of statistics
# Seconds. A longer job of the statistics is not timed on more cases.
LONG_TABLE = 15.0
SMALL = "small"
# Rules that do not run, because the layout of a miniature provides their output.
LAID_OUT = ("acquire", "index_cases", "shard_cases")
MAKING = ("explain", "explain_on_cpu", "explain_without_network")


class Trials:
    """Trials of all kinds of jobs in a plan.

    Attributes:
        quickest: kind of start → its shortest trial.
        took: kind of job → CPU seconds of the longest part of its last trial.
    """

    def __init__(self, study: CountedStudy, jobs: list[Job], folder: Path) -> None:
        """Prepare the trials, without timing anything.

        Args:
            folder: folder for the miniatures; about 100 MB.
        """
        self.study, self.jobs, self.folder = study, jobs, folder
        one = {"shards": Shards(train=1, val=1, test=1)}
        sets = {name: e.model_copy(update=one) for name, e in study.datasets.items()}
        single = study.config.model_copy(update={"datasets": sets})
        self.single = CountedStudy(single, study.counts)
        compute = study.config.compute
        self.few = compute.batch if _on_gpu(compute.device) else min(FEW, compute.batch)
        small = compute.model_copy(update={"batch": self.few})
        self.in_few = CountedStudy(single.model_copy(update={"compute": small}), study.counts)
        self.timings = Timings(study)
        self.quickest: dict[str, tuple[Measured, Job, Path, Part]] = {}
        self.took: dict[Kind, float] = {}

    def run(self, say: Callable[[str], None] = lambda text: None) -> None:
        """Time all kinds of jobs."""
        seen: set[Kind] = set()
        for dataset in self.study.counts:
            alone = {dataset, None} if len(self.study.counts) == 1 else {dataset}
            own = [job for job in self.jobs if job.wildcards.get("dataset") in alone]
            kinds = {kind_of(self.study, job) for job in own}
            if not kinds <= seen:
                seen |= kinds
                self._dataset(dataset, own, say)

    def _dataset(self, dataset: str, jobs: list[Job], say: Callable[[str], None]) -> None:
        entry = self.study.datasets[dataset]
        counts = self.study.counts[dataset]
        batches = [
            stage["batch"]
            for job in jobs
            if job.rule == "train"
            for stage in stages_of(self.study.classifier(job)["training"])
        ]
        batch = min(max(batches, default=12), max(12, counts.images["train"]))
        sizes = {
            SMALL: Size(batch, 1, 1),
            "model": Size(3 * batch, 1, 2),
            "cases": Size(12, 8, 16),
        }
        say(f"{dataset}: generated images")
        raw = next(
            (j.inputs[0] for j in jobs if j.rule == "index_cases"), paths.RAW.format(source="trial")
        )
        pool = self._pool(dataset, entry, Size(3 * batch, 8, 16), counts.side)
        roots, made = {}, {}
        lungs = [job for job in self.jobs if job.rule == "fit_lung_model" and job not in jobs]
        for name, size in sizes.items():
            roots[name] = self.folder / dataset / name
            made[name] = pool.build(roots[name], dataset, raw, size, dict(entry.shards))
            for job in lungs:
                pool.build(roots[name], job.wildcards["dataset"], job.inputs[-1], size, {})
            self._link_results(roots[name])
        jobs = [*lungs, *jobs]
        say(f"{dataset}: one case")
        self._small(jobs, roots[SMALL], made[SMALL])
        say(f"{dataset}: networks and maps")
        self._model(jobs, roots, made["model"])
        say(f"{dataset}: masks and scores")
        self._cases(jobs, roots, made["cases"])
        say(f"{dataset}: statistics and figures")
        self._tables(jobs, roots["cases"], made["cases"])
        say(f"{dataset}: how jobs start")
        self._start()

    def _link_results(self, root: Path) -> None:
        """Link results that jobs read but no job of the plan writes, such as weights."""
        weights = (entry.weights for entry in self.study.config.classifiers.values())
        read = {path for job in self.jobs for path in job.inputs} | {path or "" for path in weights}
        for path in sorted(read - {path for job in self.jobs for path in job.outputs}):
            target = root / path
            if paths.is_result(path) and Path(path).is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(Path(path).resolve())

    def _pool(self, dataset: str, entry: Dataset, size: Size, side: int) -> Pool:
        """Generate images in a separate process, because OpenCV's threads do not survive a fork."""
        trained = any(job.rule == "train" for job in self.jobs)
        root = self.study.config.root_of(dataset)
        classes = class_names(entry, root)
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as process:
            pool = process.submit(
                Pool, self.folder / dataset / "pool", entry, size, side, trained, classes
            ).result()
        images = len(pool.cases)
        for job in self.jobs:
            if job.rule in ("acquire", "index_cases"):
                generated = job.rule == "index_cases" or entry.source == "phantom"
                taken = pool.taken[job.rule] if generated else Measured(0, 0, 0)
                points = self.timings.points(job)
                points += [(0, Measured(0, 0, 0)), (images, taken)]
        return pool

    def _time(
        self, job: Job, root: Path, counts: Counts, epochs: int = 1, few: bool = False
    ) -> float | None:
        """Run the parts of a job, and store their results.

        Returns:
            CPU seconds of the longest part; None if any part failed.
        """
        longest, worked = 0.0, True
        units = RULES[job.rule].units(self.in_few if few else self.single, job, counts)
        for part in parts_to_try(job, units, counts, epochs, self.few if few else None):
            measured = run_warm(job, root, part.changes)
            points = self.timings.points(job, part.stage)
            longest = max(longest, measured.cpu)
            if not measured.error:
                name = start_of(self.study, job)
                if name not in self.quickest or measured.cpu < self.quickest[name][0].cpu:
                    self.quickest[name] = measured, job, root, part
                times = part.times
                if job.rule in MAKING and method_of(self.study.explainer(job).method).fitted:
                    maps = root / job.outputs[0]
                    more = size_of_distinct(maps) - maps.stat().st_size
                    measured = replace(measured, size=measured.size + more)
                wall, cpu = measured.wall * times, measured.cpu * times
                points.append((part.units, Measured(wall, cpu, round(measured.size * times))))
            else:
                worked = False
                self.timings.fail(job, measured.error)
        self.took[kind_of(self.study, job)] = longest
        return longest if worked else None

    def _once(self, job: Job) -> None:
        """Estimate a kind of job from its only trial: its time is proportional to its units."""
        for part, _ in parts_of(self.study, job, self.study.counts_of(job)):
            points = self.timings.points(job, part)
            # Only maps need more space for more cases; other files of networks do not.
            size = 0 if job.rule in MAKING else max((m.size for _, m in points), default=0)
            points.append((0, Measured(0, 0, size)))

    def _walk(
        self, jobs: Iterable[Job], root: Path, run: Callable[[Job], bool], other: Path | None = None
    ) -> None:
        """Go through the jobs: run one of each kind, and copy its output for the others.

        Args:
            jobs: jobs in a possible order of execution.
            run: runs a job if its kind is to be timed; returns whether it ran without an error.
            other: miniature with the output of jobs that are not run here.
        """
        first: dict[tuple[Kind, str], Job] = {}
        tried: set[tuple[Kind, str]] = set()
        maps: dict[str, Job] = {}
        jobs = [job for job in jobs if job.rule not in LAID_OUT]
        empty = defaultdict(list)
        for job in jobs:
            if not has_cases(job):
                empty[first_shard(job.outputs[0])].append(job)
        for job in jobs:
            if not has_cases(job):
                continue
            split = job.wildcards.get("shard", "").partition("-")[0]
            key = kind_of(self.study, job), split
            new = key not in tried
            tried.add(key)
            if key in first:
                copy_output(first[key], root, job, root)
            elif new and run(job):
                first[key] = job
                if job.rule in MAKING:
                    maps[split] = job
            elif job.rule in MAKING and split in maps:
                copy_output(maps[split], root, job, root)
            elif other is not None:
                copy_output(job, other, job, root)
            for part in empty[job.outputs[0]]:
                write_empty(part, root)

    def _small(self, jobs: list[Job], root: Path, counts: Counts) -> None:
        wanted = (Trial.ONCE, Trial.MODEL, Trial.CASES)
        quick = any(job.rule in MAKING[1:] for job in jobs)

        def run(job: Job) -> bool:
            if RULES[job.rule].trial not in wanted:
                return False
            # Maps of the other splits are copied from a quick explainer.
            if job.rule == "explain" and quick and not self._is_judged(job):
                return False
            few = self._is_batched(job) or fills_batches(self.study, job)
            return self._time(job, root, counts, few=few) is not None

        self._walk(_cheap_first(jobs, self._cost), root, run)

    def _model(self, jobs: list[Job], roots: Mapping[str, Path], counts: Counts) -> None:
        root = roots["model"]

        def run(job: Job) -> bool:
            if job.rule != "prepare" and RULES[job.rule].trial != Trial.MODEL:
                return False
            if self._is_batched(job) or (job.rule in MAKING and not self._is_judged(job)):
                return False
            took = self.took.get(kind_of(self.study, job), 0)
            if took > LONGEST:
                self._once(job)
                return False
            epochs = 2 if 2 * took < LONGEST else 1
            # Whole batches would be mostly padding.
            few = fills_batches(self.study, job)
            return self._time(job, root, counts, epochs, few) is not None

        self._walk(_cheap_first(jobs, self._cost), root, run, roots[SMALL])
        self._batches(jobs, roots)

    def _batches(self, jobs: list[Job], roots: Mapping[str, Path]) -> None:
        """Time jobs that work in batches on two batches, as a single case costs a whole batch.

        The first trial, of small batches, is often mostly overhead. Two small batches show whether
        two whole ones take long.
        """
        whole, seen = self.study.config.compute.batch, set()
        for job in jobs:
            kind = kind_of(self.study, job)
            if not self._is_batched(job) or kind in seen or not has_cases(job):
                continue
            seen.add(kind)
            took, few = self.took.get(kind, 0), self.few < whole
            if few and took > LONGEST:
                self._once(job)
                continue
            if few and took * 2 * whole / self.few > LONGEST:
                self._two_batches(job, roots["model"], self.few, few=True)
            if not few or self._cost(job, 2 * whole) <= LONGEST:
                self._two_batches(job, roots["model"], whole)

    def _two_batches(self, job: Job, source: Path, batch: int, *, few: bool = False) -> None:
        number = 2 * batch
        root = source.with_name(f"batches-{number}")
        for path in map(str, job.inputs):
            if path.endswith(".h5") and "-000" in path and not (root / path).exists():
                write_repeated(source / path, root / path, number)
        link_missing(source, root)
        many = {"train": 0, "val": number, "test": number}
        self._time(job, root, Counts(many, many), few=few)

    def _is_batched(self, job: Job) -> bool:
        """Check whether a job gives batches of cases to a network."""
        return job.rule == "predict" or in_batches(self.study, job)

    def _is_judged(self, job: Job) -> bool:
        """Check whether a job computes maps of the split for faithfulness and sanity checks."""
        split = job.wildcards["shard"].partition("-")[0]
        return split == self.study.judged_split

    def _cost(self, job: Job, units: float = 24) -> float:
        """Estimate the CPU seconds of a job's kind; by default, on the larger miniature."""
        return self.timings.rates[kind_of(self.study, job), ""].at(units, "cpu")

    def _cases(self, jobs: list[Job], roots: Mapping[str, Path], counts: Counts) -> None:
        root = roots["cases"]
        quick = any(job.rule in MAKING[1:] for job in jobs)

        def run(job: Job) -> bool:
            trial = RULES[job.rule].trial
            cheap = job.rule in MAKING and self._cost(job) < LONGEST
            # Later steps can use the maps of a quick explainer.
            if job.rule == "explain" and quick:
                cheap &= self._is_judged(job) and not in_batches(self.study, job)
            if trial not in (Trial.CASES, Trial.SOME) and not cheap:
                return False
            return self._time(job, root, counts) is not None

        self._walk(_cheap_first(jobs, self._cost), root, run, roots[SMALL])

    def _tables(self, jobs: list[Job], root: Path, counts: Counts) -> None:
        jobs = [job for job in jobs if RULES[job.rule].trial in (Trial.TABLE, Trial.LAST)]
        tables = root.with_name("tables-1")
        repeat_cases(root, tables, 1)
        self._walk(jobs, tables, lambda job: self._time(job, tables, counts) is not None)
        longer = self._growing(jobs, counts)
        if not longer:
            return
        more = root.with_name(f"tables-{REPEATS}")
        repeat_cases(root, more, REPEATS)
        many = Counts(
            {split: REPEATS * number for split, number in counts.images.items()},
            {split: REPEATS * number for split, number in counts.maps.items()},
        )

        def run(job: Job) -> bool:
            return kind_of(self.study, job) in longer and self._time(job, more, many) is not None

        self._walk(jobs, more, run, tables)

    def _growing(self, jobs: list[Job], counts: Counts) -> set[Kind]:
        """Find the kinds of statistics to time on more cases than `counts`, those of the trial."""
        least, found = NEGLIGIBLE * self._total(), set()
        alike: dict[Kind, list[Job]] = defaultdict(list)
        for job in jobs:
            alike[kind_of(self.study, job)].append(job)
        for kind, (job, *others) in alike.items():
            if self.took.get(kind, 0) > LONG_TABLE:
                self.timings.points(job).append((0, Measured(0, 0, 0)))
            elif RULES[job.rule].trial == Trial.TABLE:
                # At most, all of its time grows with the cases.
                units = RULES[job.rule].units
                here = max(1, units(self.single, job, counts))
                growth = max(1, units(self.study, job, self.study.counts_of(job)) / here)
                seconds = max((m.cpu for _, m in self.timings.points(job)), default=0.0)
                if (1 + len(others)) * seconds * growth > least:
                    found.add(kind)
        return found

    def _total(self) -> float:
        """Add up the CPU seconds of all jobs, as far as they were timed."""
        return sum(cost_of(self.study, self.timings, job).cpu for job in self.jobs)

    def _start(self) -> None:
        """Time the start of jobs: a job in a fresh process, minus the same job in this process.

        Kinds of start with few jobs are left out; `Timings.start` returns the median of the others.
        """
        starts, least = self.timings.starts, NEGLIGIBLE * self._total()
        jobs = Counter(start_of(self.study, job) for job in self.jobs)
        for name, number in jobs.most_common():
            if name in starts or (starts and number * START < least):
                continue
            if name == "NOTEBOOK":
                starts[name] = time_notebook(self.folder)
            elif name in self.quickest:
                warm, job, root, part = self.quickest[name]
                cold = run_cold(job, root, part.changes, self.folder / "cold.pickle")
                if cold.error:
                    self.timings.fail(job, f"start: {cold.error}")
                else:
                    rest = cold.wall - warm.wall, cold.cpu - warm.cpu
                    starts[name] = max(0.0, rest[0]), max(0.0, rest[1])


def _on_gpu(device: str) -> bool:
    """Check whether a config's device is a GPU. CUDA is not started: a fork could not use it."""
    import torch

    return device.startswith("cuda") or (device == "auto" and torch.cuda.device_count() > 0)


# Rules that run before the first map is computed.
BEFORE_MAPS = ("prepare", "list_prepared", "fit_lung_model", "measure_lung_model", "fit")
BEFORE_MAPS += ("check_classifier", "check_imported", "train", "import_classifier")


def _cheap_first(jobs: Iterable[Job], cost: Callable[[Job], float]) -> list[Job]:
    """Order jobs: those before the maps, then maps (cheap ones first), then the others."""

    def place(job: Job) -> tuple[int, float, bool]:
        if job.rule in MAKING:
            # Before any cost is known, explainers without a network come first.
            return 1, cost(job), job.rule == "explain"
        return (0 if job.rule in BEFORE_MAPS else 2), 0, False

    return sorted(jobs, key=place)
