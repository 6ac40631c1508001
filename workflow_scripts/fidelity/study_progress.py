"""How far a whole study is: cases explained by each explainer, read from what lies on disk.

Nothing is opened but case tables and benchmarks: finished shards count whole, of unfinished ones
the batches that their jobs have saved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fidelity.datasets.cases import read_cases
from fidelity.progress import line
from fidelity.provenance.steps import benchmark_row

# A shard whose last batch is older has no job at work.
STALE_SECONDS = 1800.0


@dataclass(frozen=True)
class State:
    """How far one explainer of one classifier is.

    Attributes:
        name: explainer, classifier and data set.
        done: cases explained.
        total: cases of the cohort.
        seconds: a case takes, in one job; None before there is anything to measure.
        jobs: shards that are being worked on.
    """

    name: str
    done: int
    total: int
    seconds: float | None
    jobs: int

    def __str__(self) -> str:
        if self.seconds is None:
            return f"{self.name}: {self.done:,} of {self.total:,} cases"
        return line(self.name, self.done, self.total, self.seconds, max(self.jobs, 1))


def states(
    combinations: Sequence[tuple[str, str]],
    dataset: str,
    annotated: Sequence[str],
    splits: Sequence[str],
    batch: int,
    folder: Path,
    now: float,
) -> list[State]:
    """Say how far each explainer is on one data set.

    Args:
        combinations: (classifier, explainer).
        dataset: its key.
        annotated: its annotated classes.
        splits: that are explained.
        batch: maps in a saved batch.
        folder: where `results` lies.
        now: seconds since the epoch.

    Returns:
        One entry per combination; none before the cases are listed and cut into shards.
    """
    shards = _cohorts(folder / "results" / dataset / "shards", annotated, splits)
    if not shards:
        return []
    return [_state(*pair, dataset, shards, batch, folder / "results", now) for pair in combinations]


@dataclass(frozen=True)
class _Cohort:
    """Cases of a shard that are explained, and the maps that is in all."""

    cases: int
    maps: int


def _cohorts(folder: Path, annotated: Sequence[str], splits: Sequence[str]) -> dict[str, _Cohort]:
    found = {}
    for path in sorted(folder.glob("*.csv")):
        if path.stem.rsplit("-", 1)[0] in splits:
            maps = [len(set(annotated) & set(case.masks)) for case in read_cases(path)]
            found[path.stem] = _Cohort(sum(count > 0 for count in maps), sum(maps))
    return found


def _state(
    classifier: str,
    explainer: str,
    dataset: str,
    shards: Mapping[str, _Cohort],
    batch: int,
    results: Path,
    now: float,
) -> State:
    done, jobs, measured, seconds = 0, 0, 0, 0.0
    running: list[float] = []
    maps = results / dataset / classifier / explainer / "maps"
    benchmarks = results / "benchmarks" / dataset / classifier / explainer / "explain"
    for shard, cohort in shards.items():
        if (maps / f"{shard}.h5").is_file():
            done += cohort.cases
            took = _benchmark(benchmarks / f"{shard}.tsv")
            if took is not None:
                measured, seconds = measured + cohort.cases, seconds + took
            continue
        saved = sorted(path.stat().st_mtime for path in (maps / ".partial" / shard).glob("*.h5"))
        if saved:
            done += round(cohort.cases * min(len(saved) * batch / max(cohort.maps, 1), 1))
            jobs += now - saved[-1] < STALE_SECONDS
            if len(saved) > 1:
                per_map = (saved[-1] - saved[0]) / ((len(saved) - 1) * batch)
                running.append(per_map * cohort.maps / max(cohort.cases, 1))
    total = sum(cohort.cases for cohort in shards.values())
    per_case = seconds / measured if measured else None
    if per_case is None and running:
        per_case = sum(running) / len(running)
    return State(f"{explainer}, {classifier}, {dataset}", done, total, per_case, jobs)


def _benchmark(path: Path) -> float | None:
    """Read the wall-clock seconds of a job; None if they were not written (yet)."""
    try:
        row = benchmark_row(path)
        return None if row is None else float(row["s"])
    except (OSError, ValueError):
        return None
