"""Estimate what a study costs before it is started: `make estimate CONFIG=…`.

Not a rule: it gets the list of jobs from Snakemake, and times one job of each kind on generated
images.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from fidelity.presentation.wording import estimated_time, value_of
from fidelity.settings.reading import load_file, run
from fidelity.tools.estimate.counts import count_cases
from fidelity.tools.estimate.detectable import detectable
from fidelity.tools.estimate.plan import Job, planned
from fidelity.tools.estimate.rates import Timings
from fidelity.tools.estimate.rules import CountedStudy, step_of
from fidelity.tools.estimate.timing import Trials
from fidelity.tools.estimate.totals import (
    CLUSTER_SECONDS,
    SNAKEMAKE_SECONDS,
    Cost,
    by_step,
    cost_of,
    wall_time,
)
from fidelity.tools.estimate.trial import load_libraries

NODES = (1, 4, 16)  # cluster sizes in the estimate
SHOWN = 0.01  # steps with a smaller share of the CPU time get no line of their own


def main(config: str, overrides: list[str], targets: list[str]) -> None:
    """Print the estimate as a table."""
    started = time.perf_counter()
    load = os.getloadavg()[0]
    cores = _cores()
    loaded = load_file(config, overrides)
    jobs = planned(config, overrides, targets, cores)
    planning = time.perf_counter() - started
    named = {job.wildcards["dataset"] for job in jobs if "dataset" in job.wildcards}
    chosen = [name for name in loaded.datasets if name in named]
    study = CountedStudy(loaded, {name: count_cases(loaded, name) for name in chosen})
    load_libraries()
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(study, jobs, Path(folder))
        trials.run(lambda text: print(f"timing {text}", file=sys.stderr, flush=True))
    left = left_of(jobs, config, overrides, targets, cores)
    show(study, trials.timings, jobs, left, cores, planning)
    print(f"\nThe estimate took {estimated_time(time.perf_counter() - started)}.")
    if load > 0.3:
        print(
            f"Other programs were running (load {value_of('load', load)}): times are too high. Run "
            "the estimate again when the machine is idle."
        )


def left_of(
    jobs: list[Job], config: str, overrides: list[str], targets: list[str], cores: int
) -> list[Job]:
    """List the jobs that are left to do: all of them, without a second plan, if none has run."""
    if any(Path(path).exists() for job in jobs for path in job.outputs):
        return planned(config, overrides, targets, cores, whole=False)
    return jobs


def _cores() -> int:
    """Read CORES as `make` passes it on; `all` and an empty value mean all cores."""
    given = os.environ.get("CORES", "all")
    return int(given) if given.isdigit() else len(os.sched_getaffinity(0))


def show(
    study: CountedStudy,
    timings: Timings,
    jobs: list[Job],
    left: list[Job],
    cores: int,
    planning: float,
) -> None:
    """Print the steps, the totals and the remaining work."""
    total, rows = Cost(), []
    steps = by_step(jobs, lambda job: cost_of(study, timings, job), lambda job: step_of(study, job))
    for cost in steps.values():
        total += cost
    other = Cost()
    for name, cost in steps.items():
        if cost.cpu < SHOWN * total.cpu:
            other += cost
        else:
            rows.append((name, cost))
    own = planning * 3 + SNAKEMAKE_SECONDS * len(jobs)
    rows += [("all other steps", other), ("Snakemake itself", Cost(0, own, own, 0))]
    total += Cost(0, own, own, 0)
    missing = timings.missing(jobs)
    at_least = "at least " if missing else ""
    rows.append((f"{at_least}total", total))
    width = max(len(name) for name, _ in rows)
    print(f"{'step':<{width}} {'jobs':>6} {'CPU-hours':>10} {'wall hours':>10} {'MB':>9}")
    for name, cost in rows:
        print(
            f"{name:<{width}} {cost.jobs:>6} {value_of('hours', cost.cpu / 3600):>10} "
            f"{value_of('hours', cost.wall / 3600):>10} {value_of('mb', cost.size / 1e6):>9}"
        )
    for text, chosen in (("The whole study, from the start", jobs), ("What is left to do", left)):
        costs = [cost_of(study, timings, job) for job in chosen]
        seconds = {place: cost.wall + SNAKEMAKE_SECONDS for place, cost in enumerate(costs)}
        least, likely = wall_time(chosen, seconds, cores)
        whole = sum(costs, Cost())
        print(
            f"{text}: {len(chosen)} jobs, {at_least}{value_of('hours', whole.cpu / 3600)} "
            f"CPU-hours, {value_of('gb', whole.size / 1e9)} GB; {estimated_time(least)} to "
            f"{estimated_time(likely * 1.1)} on {cores} cores."
        )
    # After the loop, `seconds` belongs to the jobs that are left.
    seconds |= {n: seconds[n] + CLUSTER_SECONDS for n, job in enumerate(left) if not job.local}
    if left:
        times = {nodes: wall_time(left, seconds, cores, nodes)[1] * 1.1 for nodes in NODES}
        told = ", ".join(f"{nodes}: {estimated_time(time)}" for nodes, time in times.items())
        print(
            f"What is left to do, on several nodes of a cluster with {cores} cores each (waiting"
            f" times not included): {told}."
        )
    print("The wall hours of a step add up its jobs, as if they ran one after another.")
    if any(job.rule == "train" for job in jobs):
        print("A training may stop early (`patience`); the estimate assumes that it does not.")
    for line in [*missing, *detectable(study)]:
        print(line)


if __name__ == "__main__":
    run(main, __doc__, targets=True)
