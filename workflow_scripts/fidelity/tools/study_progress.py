"""Progress of a whole study: cases explained by each explainer, read from files on disk.

All cases of a finished shard count; of an unfinished shard, those that its job has saved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fidelity.base.progress import line
from fidelity.datasets.cases import read_cases
from fidelity.explainers.unfinished_shards import finished
from fidelity.provenance.steps import benchmark_seconds
from fidelity.study import paths
from fidelity.study.paths import EXPLAIN, benchmark_of

# If the last batch of a shard is older, its job is no longer running.
STALE_SECONDS = 1800.0


@dataclass(frozen=True)
class State:
    """Progress of one explainer for one classifier.

    Attributes:
        seconds: seconds per case in one job; None before anything is measured.
        jobs: number of shards in progress.
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
    folder: Path,
    now: float,
) -> list[State]:
    """Return the progress of each combination; empty before the cases are split into shards.

    Args:
        combinations: (classifier, explainer).
        folder: folder that contains `results`.
        now: current time in seconds since the epoch.
    """
    shards = _cohorts(folder / paths.SHARDS.format(dataset=dataset), annotated, splits)
    if not shards:
        return []
    return [_state(*pair, dataset, shards, folder, now) for pair in combinations]


def _cohorts(folder: Path, annotated: Sequence[str], splits: Sequence[str]) -> dict[str, int]:
    """Count the explained cases of each shard."""
    return {
        path.stem: sum(bool(set(annotated) & case.annotated) for case in read_cases(path))
        for path in sorted(folder.glob("*.csv"))
        if path.stem.rsplit("-", 1)[0] in splits
    }


def _state(
    classifier: str,
    explainer: str,
    dataset: str,
    shards: Mapping[str, int],
    folder: Path,
    now: float,
) -> State:
    done, jobs, measured, seconds = 0, 0, 0, 0.0
    names = {"dataset": dataset, "classifier": classifier, "explainer": explainer}
    for shard, cases in shards.items():
        maps = folder / paths.MAPS.format(**names, shard=shard)
        if maps.is_file():
            done += cases
            took = benchmark_seconds(folder / benchmark_of(EXPLAIN).format(**names, shard=shard))
            if took is not None:
                measured, seconds = measured + cases, seconds + took
        elif saved := finished(maps.parent / ".partial" / shard):
            done += saved.cases
            measured, seconds = measured + saved.cases, seconds + saved.seconds
            jobs += now - saved.latest < STALE_SECONDS
    per_case = seconds / measured if measured else None
    name = f"{explainer}, {classifier}, {dataset}"
    return State(name, done, sum(shards.values()), per_case, jobs)
