"""Add up the cost of a study: CPU time, wall time on some cores, disk space."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fidelity.tools.estimate.plan import Job
from fidelity.tools.estimate.rates import Timings, kind_of, parts_of
from fidelity.tools.estimate.rules import CountedStudy

# Seconds that Snakemake adds to each job: it looks for jobs to start, records finished ones, and
# samples their memory. A guess, not measured.
SNAKEMAKE_SECONDS = 0.15
# Extra seconds per job on a cluster, because it starts Snakemake twice on its node.
CLUSTER_SECONDS = 10.0


@dataclass(frozen=True)
class Cost:
    """Cost of a job or a step.

    Attributes:
        wall: wall-clock seconds, with the jobs one after the other.
        cpu: processor seconds.
        size: bytes on disk.
    """

    jobs: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    size: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        """Add two costs."""
        return Cost(
            self.jobs + other.jobs,
            self.wall + other.wall,
            self.cpu + other.cpu,
            self.size + other.size,
        )


def cost_of(study: CountedStudy, timings: Timings, job: Job) -> Cost:
    """Estimate a job from the trials of its kind.

    Returns:
        The cost of its start and its work. For a job that may end early, such as a training, this
        is the maximum.
    """
    counts = study.counts_of(job)
    wall, cpu = timings.start(job)
    size = 0.0
    for part, units in parts_of(study, job, counts):
        rate = timings.rates.get((kind_of(study, job), part))
        if rate is not None:
            wall += rate.at(units, "wall")
            cpu += rate.at(units, "cpu")
            size = max(size, rate.at(units, "size"))
    return Cost(1, wall, cpu, size)


def by_step(
    jobs: Iterable[Job], cost: Callable[[Job], Cost], name: Callable[[Job], str]
) -> dict[str, Cost]:
    """Add up the costs of jobs by step; the most expensive step comes first."""
    found: dict[str, Cost] = defaultdict(Cost)
    for job in jobs:
        found[name(job)] += cost(job)
    return dict(sorted(found.items(), key=lambda item: -item[1].cpu))


def wall_time(
    jobs: Sequence[Job], seconds: Mapping[int, float], cores: int, nodes: int = 1
) -> tuple[float, float]:
    """Estimate the time for all jobs together.

    Args:
        seconds: position in `jobs` → wall time of the job.
        cores: number of cores per node, shared by its jobs.
        nodes: number of nodes; a job runs on one of them.

    Returns:
        (lower bound, estimate). The lower bound is the longest chain of jobs, or the time without
        idle cores. For the estimate, jobs start by priority as soon as their inputs and enough
        cores are available.
    """
    maker = {path: place for place, job in enumerate(jobs) for path in job.outputs}
    before = [
        {maker[path] for path in job.inputs if path in maker} - {place}
        for place, job in enumerate(jobs)
    ]
    after: dict[int, list[int]] = defaultdict(list)
    for place, needed in enumerate(before):
        for other in needed:
            after[other].append(place)
    threads = [min(job.threads, cores) for job in jobs]
    ends: dict[int, float] = {}
    for place in range(len(jobs)):
        begin = max((ends.get(other, 0.0) for other in before[place]), default=0.0)
        ends[place] = begin + seconds[place]
    chain = max(ends.values(), default=0.0)
    least = max(chain, sum(seconds[n] * threads[n] for n in range(len(jobs))) / (cores * nodes))
    waiting = [len(needed) for needed in before]
    ready = [(-jobs[n].priority, n) for n in range(len(jobs)) if not waiting[n]]
    heapq.heapify(ready)
    running: list[tuple[float, int, int]] = []
    now, free = 0.0, [cores] * nodes
    most = cores  # largest number of free cores on one node
    while ready or running:
        passed = []
        while ready and most:
            item = heapq.heappop(ready)
            if threads[item[1]] > most:
                passed.append(item)
                continue
            node = free.index(most)
            free[node] -= threads[item[1]]
            most = max(free)
            heapq.heappush(running, (now + seconds[item[1]], item[1], node))
        for item in passed:
            heapq.heappush(ready, item)
        now, place, node = heapq.heappop(running)
        free[node] += threads[place]
        most = max(free)
        for other in after[place]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, (-jobs[other].priority, other))
    return least, max(now, least)
