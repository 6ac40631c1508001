"""Compare the estimated cost of a study with the cost of a finished run.

    python benchmarks/estimate.py CONFIG --run FOLDER [--config KEY=VALUE …] [--targets …]

It runs nothing but the trials of `make estimate`. FOLDER contains the run's `results`. Jobs that
were not run there are left out of both sides. CPU time is what the job itself recorded next to its
kept result (`fidelity.base.kept_results`). If it kept none, Snakemake's sample is used, which
misses up to 30 seconds of jobs that take longer than 15. Run it while the machine does nothing
else.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from fidelity.base.kept_results import FOLDER, NOTE  # noqa: E402
from fidelity.provenance.steps import benchmark_row  # noqa: E402
from fidelity.settings.reading import load_file  # noqa: E402
from fidelity.tools.estimate.counts import count_cases  # noqa: E402
from fidelity.tools.estimate.plan import Job, planned  # noqa: E402
from fidelity.tools.estimate.rules import CountedStudy, step_of  # noqa: E402
from fidelity.tools.estimate.timing import Trials  # noqa: E402
from fidelity.tools.estimate.totals import Cost, cost_of  # noqa: E402
from fidelity.tools.estimate.trial import load_libraries  # noqa: E402

FACTOR, SHARE = 1.5, 0.01


def measured(job: Job, folder: Path) -> Cost | None:
    """Read the cost of a job; None if it was not run."""
    file = folder / job.benchmark
    row = benchmark_row(file) if job.benchmark and file.exists() else None
    if row is None:
        return None
    wall = float(row["s"])
    sampled = row.get("cpu_time", "NA")
    cpu = min(float(sampled), 2 * wall) if sampled not in ("NA", "-") else wall
    if job.script.endswith(".ipynb"):
        cpu = wall
    first = folder / job.outputs[0]
    kept = (first.parent / FOLDER / first.name).glob(f"*/{NOTE}")
    notes = sorted(kept, key=lambda path: path.stat().st_mtime)
    if notes:
        cpu = json.loads(notes[-1].read_text(encoding="utf-8"))["took"].get("cpu_seconds", cpu)
    size = 0
    for path in map(folder.joinpath, job.outputs):
        files = path.rglob("*") if path.is_dir() else [path]
        size += sum(f.stat().st_size for f in files if f.is_file() and FOLDER not in f.parts)
    return Cost(1, wall, cpu, size)


def main() -> None:
    """Estimate, read, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("--run", type=Path, default=Path(), help="the folder of the finished run")
    parser.add_argument("--config", dest="overrides", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--targets", nargs="*", default=[])
    arguments = parser.parse_args()
    loaded = load_file(arguments.config, arguments.overrides)
    jobs = planned(arguments.config, arguments.overrides, arguments.targets)
    done = [(job, found) for job in jobs if (found := measured(job, arguments.run)) is not None]
    study = CountedStudy(loaded, {name: count_cases(loaded, name) for name in loaded.datasets})
    load_libraries()
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(study, jobs, Path(folder))
        trials.run(lambda text: print(f"timing {text}", file=sys.stderr, flush=True))
    told: dict[str, Cost] = defaultdict(Cost)
    true: dict[str, Cost] = defaultdict(Cost)
    for job, found in done:
        step = step_of(study, job)
        cost = cost_of(study, trials.timings, job)
        # Snakemake counts a notebook's processes several times, so its wall clock is compared.
        told[step] += replace(cost, cpu=cost.wall) if job.script.endswith(".ipynb") else cost
        true[step] += found
    for line in trials.timings.missing(jobs):
        print(line)
    print(f"{len(done)} of {len(jobs)} jobs were run. Times in seconds, one job after another.\n")
    print("| step | jobs | CPU estimated | CPU measured | ratio | wall estimated | wall measured |"
          " ratio | share of CPU | MB estimated | MB measured | ratio | off |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|")
    everything = sum(true.values(), Cost())
    for step in sorted(true, key=lambda name: -true[name].cpu):
        print(row_of(step, told[step], true[step], everything), flush=True)
    print(row_of("all", sum(told.values(), Cost()), everything, everything))


def row_of(step: str, told: Cost, true: Cost, everything: Cost) -> str:
    """Write a step's row; its last cell lists the resources whose ratio is beyond FACTOR.

    Args:
        step: its name.
        told: the estimated cost.
        true: the measured cost.
        everything: the measured cost of all steps. CPU, wall and disk are judged if the step has at
            least SHARE of that resource.
    """
    ratios, off = {}, []
    for name, title in (("cpu", "CPU"), ("wall", "wall"), ("size", "disk")):
        estimated, measured, whole = (getattr(cost, name) for cost in (told, true, everything))
        ratio = estimated / measured if measured else float("inf" if estimated else "nan")
        # A large estimate of something that costs nothing is as wrong as the reverse.
        large = max(estimated, measured) > SHARE * whole
        if large and not 1 / FACTOR <= ratio <= FACTOR:
            off.append(title)
        ratios[name] = f"{ratio:.2f}"
    share = true.cpu / everything.cpu if everything.cpu else 0.0
    cells = [step, true.jobs, f"{told.cpu:.1f}", f"{true.cpu:.1f}", ratios["cpu"]]
    cells += [f"{told.wall:.1f}", f"{true.wall:.1f}", ratios["wall"], f"{share:.1%}"]
    cells += [f"{told.size / 1e6:.1f}", f"{true.size / 1e6:.1f}", ratios["size"], ", ".join(off)]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
