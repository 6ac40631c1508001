"""How long Snakemake plans a full-size study, and how much memory that takes.

    python benchmarks/plan.py                        # 33,920 cases, 48 combinations, 256 a shard
    python benchmarks/plan.py --cases-per-shard 128  # twice as many jobs
    python benchmarks/plan.py --finished DEMO        # a no-change run of a finished study as well

A study of the size of the whole COVID-QU-Ex is written to a temporary folder: a case table of
33,920 cases, all annotated and all explained, empty files in place of images and masks (names
are listed when Snakemake plans), four classifiers, twelve explainers that all need a classifier, six
binarizations. The table is cut into shards by the checkpoint itself; nothing else is made, so every
other job is planned. A dry run is then timed: wall clock, CPU seconds, peak memory, jobs by rule.

From the number of jobs and what starting one costs (measured here: the imports of each kind of job
in a process of its own) follows what share of the work is overhead, given seconds per map.
"""

import argparse
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

# Images of the whole COVID-QU-Ex.
SPLITS = {"train": 21715, "val": 5417, "test": 6788}
PARTS = ("Snakefile", "rules", "workflow_scripts", "config", "envs", "profiles", "notebooks")
CLASSIFIERS = ("vgg16", "densenet121", "densenet201", "convnext_base")
# Method → seconds per map that the share of overhead is taken at (`--seconds` changes all).
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
BINARIZATIONS = {
    "tuned": {"method": "tuned"},
    "fixed50": {"method": "fixed", "threshold": 0.5},
    "top20": {"method": "percentile", "percentile": 80},
    "otsu": {"method": "otsu"},
    "superpixels5": {"method": "superpixels", "top": 5},
    "oracle": {"method": "oracle"},
}


def config(cases_per_shard: int) -> dict:
    """Give the config of the study."""
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
        folder: where; made.
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
    made = folder / "results/full"
    write_cases(made / "cases.csv", cases)
    (made / "classes.json").write_text(
        '{"classes": ["COVID-19", "Normal"], "labels": {"COVID-19": "COVID-19"}}\n'
    )
    for name in ("quarantine.csv", "near_duplicates.csv"):
        (made / name).touch()
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


def jobs_by_rule(printed: str) -> Counter:
    """Read the table of jobs that a dry run prints."""
    table = re.search(r"^job +count\n-+ +-+\n((?:\w+ +\d+\n)+)", printed, re.M)
    found = Counter({name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table[1], re.M)})
    del found["total"]
    return found


def start_seconds(*modules: str) -> float:
    """Time a process that imports the modules of a job and ends: CPU seconds, best of three."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'workflow_scripts')!r}); import "
    code += ", ".join(modules)
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def main() -> None:
    """Plan, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases-per-shard", type=int, default=256)
    parser.add_argument("--finished", type=Path, help="a finished study, run without a change")
    parser.add_argument("--keep", type=Path, help="write the study here and leave it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary) / "project"
        folder.mkdir(parents=True)
        write_study(folder, arguments.cases_per_shard)
        printed, wall, cpu, memory = run(folder, "--dry-run", "--quiet", "rules")
    jobs = jobs_by_rule(printed)
    print(jobs)
    print(f"{jobs.total()} jobs planned: {wall:.1f} s, {cpu:.1f} CPU-s, {memory:.0f} MB at most")


if __name__ == "__main__":
    main()
