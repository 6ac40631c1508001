"""Measure how long Snakemake plans a full-size study, and the share of such overhead.

    python benchmarks/plan.py                        # 33,920 cases, 512 a shard
    python benchmarks/plan.py --cases-per-shard 256  # twice as many jobs of `explain`
    python benchmarks/plan.py --bare                 # beside a bare Snakefile of as many jobs
    python benchmarks/plan.py --finished FOLDER      # a no-change run of that finished study, too
    python benchmarks/plan.py --work                 # times maps, to state what share overhead is

A study of the size of the whole COVID-QU-Ex is written to a temporary folder. It has a case table
of 33,920 cases, all annotated and all explained, with empty files in place of images and masks
(planning lists their names). It has four classifiers, twelve explainers that all need a classifier,
and six binarizations. Only the checkpoint runs, which divides the table into shards; every other
job is planned. A dry run is timed: wall clock, CPU seconds, peak memory.

With --bare, a Snakefile without this workflow's code plans as many jobs and files in the same run:
the same graph, with a rule for each rule, and inputs looked up in a dict. The ratio of the two
shows what planning costs in addition to Snakemake itself.

Overhead is planning, Snakemake's handling of jobs, and starting Python with its imports in each
job. Work is understated, so the share of overhead is overstated. Only maps count (no training,
preparing or scoring), all classifiers are assumed to be as fast as DenseNet-121, and sampling
methods are timed with 64 samples.
"""

import argparse
import contextlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from fidelity.datasets.cases import Case, write_cases  # noqa: E402
from fidelity.study import paths  # noqa: E402
from fidelity.tools.estimate.plan import Job, planned  # noqa: E402

# Numbers of images in the whole COVID-QU-Ex.
SPLITS = {"train": 21715, "val": 5417, "test": 6788}
PARTS = ("Snakefile", "rules", "workflow_scripts", "config", "envs", "profiles", "notebooks")
CLASSIFIERS = ("vgg16", "densenet121", "densenet201", "convnext_base")
EXPLAINERS = {
    "lime": {"method": "lime", "samples": 1000},
    "rise": {"method": "rise"},
    "kernel_shap": {"method": "kernel_shap"},
    "occlusion": {"method": "occlusion"},
    "gradcam": {"method": "gradcam"},
    "gradcam_plus_plus": {"method": "gradcam_plus_plus"},
    "layercam": {"method": "layercam"},
    "hirescam": {"method": "hirescam"},
    "integrated_gradients": {"method": "integrated_gradients"},
    "smoothgrad": {"method": "smoothgrad"},
    "random_gradcam": {"method": "random_weights", "of": {"method": "gradcam"}},
    "random_lime": {"method": "random_weights", "of": {"method": "lime", "samples": 1000}},
}
# Number of samples for timing sampling methods, which normally take 1000 or more.
SAMPLES = 64
# Rules that start PyTorch.
TORCH = ("check_classifier", "train", "predict", "explain")
# Seconds that Snakemake spends on a job in addition to planning it, with its greedy scheduler: 2000
# jobs that do nothing took 35 s.
HANDLING = 0.0175
BINARIZATIONS = {
    "tuned": {"method": "tuned"},
    "fixed50": {"method": "fixed", "threshold": 0.5},
    "top20": {"method": "percentile", "percentile": 80},
    "otsu": {"method": "otsu"},
    "superpixels5": {"method": "superpixels", "top": 5},
    "oracle": {"method": "oracle"},
}


# The Snakefile of --bare: the files of each job are in a JSON file, by rule and number.
BARE = """
import json
from pathlib import Path

JOBS = json.loads(Path("jobs.json").read_text())


rule all:
    input:
        [path for jobs in JOBS.values() for _, outputs in jobs for path in outputs],
"""
BARE_RULE = """

rule {rule}:
    input:
        lambda w: JOBS["{rule}"][int(w.number)][0],
    output:
        {outputs}
    shell:
        "touch {{output}}"
"""


def config(cases_per_shard: int) -> dict:
    """Return the config of the study."""
    shards = {split: -(-count // cases_per_shard) for split, count in SPLITS.items()}
    return {
        "datasets": {
            "full": {
                "source": "table",
                "root": "data",
                "table": "cases.csv",
                "image_size": 224,
                "annotated_classes": ["COVID-19"],
                "lung_masks": "none",
                "shards": shards,
            }
        },
        "classifiers": {name: {"architecture": name} for name in CLASSIFIERS},
        "explainers": EXPLAINERS,
        "explain": {"splits": list(SPLITS)},
        "binarizations": BINARIZATIONS,
        "compute": {"threads": 1},
    }


def write_study(folder: Path, cases_per_shard: int) -> None:
    """Write project, config, case table and the outputs of the jobs up to the checkpoint.

    Args:
        folder: to create.
        cases_per_shard: on average.
    """
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)
    (folder / "study.yaml").write_text(yaml.safe_dump(config(cases_per_shard), sort_keys=False))
    cases = [
        Case(
            f"{split}-{number:05d}", f"{split}-{number:05d}", split, ("COVID-19",),
            f"images/{split}/{number:05d}.png", None,
            {"COVID-19": f"masks/{split}/{number:05d}.png"}, 256, 256, f"{number:032x}",
        )
        for split, count in SPLITS.items()
        for number in range(count)
    ]  # fmt: skip
    for case in cases:
        for name in (case.image, *case.masks.values()):
            path = folder / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    write_cases(folder / "data/cases.csv", cases)
    run(folder, "--until", "acquire")

    def place(pattern: str) -> Path:
        return folder / pattern.format(dataset="full")

    write_cases(place(paths.CASES), cases)
    place(paths.CLASSES).write_text(
        '{"classes": ["COVID-19", "Normal"], "labels": {"COVID-19": "COVID-19"}}\n'
    )
    for pattern in (
        paths.QUARANTINE, paths.NEAR_DUPLICATES, paths.CASE_COUNTS, paths.DATA_WARNINGS, paths.LOOKS
    ):  # fmt: skip
        place(pattern).touch()
    run(folder, "--until", "shard_cases")


def run(folder: Path, *arguments: str) -> tuple[str, float, float, float]:
    """Run Snakemake.

    Returns:
        (what it printed, wall-clock seconds, CPU seconds, peak memory in MB).
    """
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", *arguments]
    if (folder / "study.yaml").exists():
        command += ["--configfile", "study.yaml"]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        sys.exit(printed[-3000:])
    return printed, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def write_bare(folder: Path, jobs: list[Job]) -> None:
    """Write a Snakefile that plans the same graph of jobs, and the files that no job makes.

    Args:
        folder: to create.
        jobs: of the plan.
    """
    names: dict[str, str] = {}
    found: dict[str, list[tuple[list[str], list[str]]]] = {}
    # A rule's jobs may have different numbers of outputs, so each number has its own rule here.
    for job in jobs:
        rule = f"{job.rule}_{len(job.outputs)}"
        number = len(found.setdefault(rule, []))
        outputs = [f"{rule}/{number}/{place}" for place in range(len(job.outputs))]
        names |= dict(zip(job.outputs, outputs, strict=True))
        found[rule].append((list(job.inputs), outputs))
    for rows in found.values():
        for inputs, _ in rows:
            inputs[:] = [names.setdefault(path, f"given/{len(names)}") for path in inputs]
    folder.mkdir(parents=True)
    (folder / "given").mkdir()
    for path in names.values():
        if path.startswith("given/"):
            (folder / path).touch()
    text = BARE
    for rule, rows in found.items():
        outputs = "".join(f'"{rule}/{{number}}/{place}",' for place in range(len(rows[0][1])))
        text += BARE_RULE.format(rule=rule, outputs=outputs)
    (folder / "Snakefile").write_text(text)
    (folder / "jobs.json").write_text(json.dumps(found))


def ratio_to_bare(folder: Path, bare: Path, planning: float) -> None:
    """Plan the bare Snakefile of a study, and print how much more time the study takes."""
    with contextlib.chdir(folder):
        jobs = planned("study.yaml", cores=1, whole=False)
    write_bare(bare, jobs)
    printed, wall, cpu, memory = run(bare, "--dry-run", "--quiet", "rules")
    count = jobs_by_rule(printed).total() - 1
    print(f"bare Snakefile, {count} jobs: {wall:.1f} s, {cpu:.1f} CPU-s, {memory:.0f} MB")
    print(f"planning takes {planning / cpu:.2f} times the CPU time of the bare Snakefile")


def jobs_by_rule(printed: str) -> Counter:
    """Read the table of jobs that a dry run prints."""
    table = re.search(r"^job +count\n-+ +-+\n((?:\w+ +\d+\n)+)", printed, re.M)
    found = Counter({name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table[1], re.M)})
    del found["total"]
    return found


def start_seconds(*modules: str) -> float:
    """Time a process that only imports a job's modules: CPU seconds, best of three."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'workflow_scripts')!r}); import "
    code += ", ".join(modules)
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def seconds_per_map() -> dict[str, float]:
    """Time one map of each explainer on DenseNet-121 at 224 pixels: CPU seconds, one thread."""
    from one_case import time_explainer, trial_classifier

    from fidelity import settings
    from fidelity.study.names import one_layer

    compute = {"threads": 1, "batch": 8, "device": "cpu", "dtype": "float32"}
    classifier = trial_classifier({"architecture": "densenet121"}, 224, [])
    loaded = settings.load(config(512), check_files=False)
    found = {}
    for name, entry in loaded.explainers.items():
        entry = one_layer(entry, "densenet121").model_dump()
        for part in (entry, entry.get("of", {})):
            if part.get("samples", 0) > SAMPLES:
                part["samples"] = SAMPLES
        wall, cpu = time.perf_counter(), time.process_time()
        seconds, _ = time_explainer(entry, classifier, 224, compute, [])
        # CPU time, which other processes on the machine do not affect.
        busy = (time.process_time() - cpu) / (time.perf_counter() - wall)
        found[name] = seconds * min(busy, 1)
        print(f"{name:22}{found[name]:8.2f} s per map", flush=True)
    return found


def share_of_overhead(jobs: Counter, planning: float, per_map: dict[str, float]) -> None:
    """Print overhead next to work, for the study and for each explainer."""
    heavy = start_seconds(
        "fidelity.explainers.runner",
        "fidelity.classifiers.weights.own_format",
        "fidelity.classifiers.predict",
    )
    light = start_seconds("figure_gallery")
    with_torch = sum(jobs[name] for name in TORCH)
    others = jobs.total() - with_torch
    overhead = planning + jobs.total() * HANDLING + with_torch * heavy + others * light
    cases = sum(SPLITS.values())
    work = sum(per_map.values()) * cases * len(CLASSIFIERS)
    print(f"\nstarting a job: {heavy:.2f} CPU-s with PyTorch, {light:.2f} without")
    print(
        f"overhead: {planning:.0f} s planning + {jobs.total()} jobs handled + {with_torch} started "
        f"with and {others} without PyTorch = {overhead / 3600:.2f} CPU-hours; work: at least "
        f"{work / 3600:.0f} CPU-hours; overhead: {overhead / (overhead + work):.2%} at most"
    )
    per_job = cases / (jobs["explain"] / len(CLASSIFIERS) / len(EXPLAINERS))
    for name, seconds in per_map.items():
        share = heavy / (heavy + per_job * seconds)
        print(f"{name:22}{share:8.2%} of its jobs' time is starting")


def main() -> None:
    """Plan, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases-per-shard", type=int, default=512)
    parser.add_argument("--finished", type=Path, help="project folder of a finished study")
    parser.add_argument("--work", action="store_true", help="time maps, say the share of overhead")
    parser.add_argument("--bare", action="store_true", help="plan a bare Snakefile, too")
    parser.add_argument("--keep", type=Path, help="write the study here and leave it")
    arguments = parser.parse_args()
    if arguments.finished:
        printed, wall, cpu, memory = run(arguments.finished)
        if "Nothing to be done" not in printed:
            sys.exit(f"the study is not finished:\n{printed[-2000:]}")
        print(f"nothing to be done: {wall:.1f} s, {cpu:.1f} CPU-s, {memory:.0f} MB at most")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary) / "project"
        folder.mkdir(parents=True)
        write_study(folder, arguments.cases_per_shard)
        printed, wall, planning, memory = run(folder, "--dry-run", "--quiet", "rules")
        if arguments.bare:
            ratio_to_bare(folder, Path(temporary) / "bare", planning)
    jobs = jobs_by_rule(printed)
    print(", ".join(f"{count} {rule}" for rule, count in jobs.most_common(8)), ", …", sep="")
    print(f"{jobs.total()} jobs planned: {wall:.1f} s, {planning:.1f} CPU-s, {memory:.0f} MB")
    if arguments.work:
        share_of_overhead(jobs, planning, seconds_per_map())


if __name__ == "__main__":
    main()
