"""The estimate of a study beside what a finished run of it took.

    python benchmarks/estimate.py CONFIG --run FOLDER [--config KEY=VALUE …] [--targets …]

Runs nothing but the trials of `make estimate`. FOLDER is where the run's `results` are. Jobs that
have not been run there are left out of both sides. CPU time is what the job itself recorded beside
its kept result (`fidelity.kept`); where it keeps none, Snakemake's sample, which misses up to 30
seconds of a job that takes longer than 15. Run it while the machine does nothing else.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from fidelity.estimate.costs import Cost, cost_of, step_of  # noqa: E402
from fidelity.estimate.counts import count_cases  # noqa: E402
from fidelity.estimate.measure import Trials  # noqa: E402
from fidelity.estimate.plan import Job, planned  # noqa: E402
from fidelity.estimate.rules import Study  # noqa: E402
from fidelity.estimate.trial import load_libraries  # noqa: E402
from fidelity.kept import FOLDER, NOTE  # noqa: E402
from fidelity.provenance.steps import benchmark_row  # noqa: E402
from fidelity.settings.reading import load_file  # noqa: E402

FACTOR, SHARE = 1.5, 0.01


def measured(job: Job, folder: Path) -> Cost | None:
    """Read what a job took; None if it was not run."""
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
    study = Study(loaded, {name: count_cases(loaded, name) for name in loaded["datasets"]})
    load_libraries()
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(study, jobs, Path(folder))
        trials.run(lambda text: print(f"timing {text}", file=sys.stderr, flush=True))
    told: dict[str, Cost] = defaultdict(Cost)
    true: dict[str, Cost] = defaultdict(Cost)
    for job, found in done:
        step = step_of(study, job)
        cost = cost_of(study, trials, job)
        # Snakemake counts a notebook's processes more than once: its wall clock is compared.
        told[step] += replace(cost, cpu=cost.wall) if job.script.endswith(".ipynb") else cost
        true[step] += found
    for rule, error in trials.failed.items():
        print(f"not timed: {rule} ({error.strip().splitlines()[-1]})")
    print(f"{len(done)} of {len(jobs)} jobs were run. Times in seconds, one job after another.\n")
    print("| step | jobs | CPU estimated | CPU measured | ratio | wall estimated | wall measured |"
          " share of CPU | MB estimated | MB measured | |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|")
    everything = sum(true.values(), Cost())
    for step in sorted(true, key=lambda name: -true[name].cpu):
        share = true[step].cpu / everything.cpu
        _row(step, told[step], true[step], share)
    _row("all", sum(told.values(), Cost()), everything, 1.0)


def _row(step: str, told: Cost, true: Cost, share: float) -> None:
    ratio = told.cpu / true.cpu if true.cpu else float("inf")
    off = share > SHARE and not 1 / FACTOR <= ratio <= FACTOR
    cells = [step, true.jobs, f"{told.cpu:.1f}", f"{true.cpu:.1f}", f"{ratio:.2f}"]
    cells += [f"{told.wall:.1f}", f"{true.wall:.1f}", f"{share:.1%}"]
    cells += [f"{told.size / 1e6:.1f}", f"{true.size / 1e6:.1f}", "off" if off else ""]
    print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
