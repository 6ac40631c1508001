"""Measure time and memory of each step by the number of cases, and the size of stored maps.

    python benchmarks/scaling.py                       # 100, 1,000 and 10,000 phantoms (an hour)
    python benchmarks/scaling.py --cases 100 400 1600  # a quick look

Phantoms of 64 × 64 pixels (two thirds of them with a mask to score, one map each) go through the
steps of the workflow. They are listed, divided into shards of 256, prepared, explained by Grad-CAM
on a ResNet-18 with random weights, swept, binarized, scored and summarized.

Each step is one process that handles all shards one after the other, so that memory that a shard
leaves behind adds up and shows. (In a study, each shard of `prepare` and `explain` is a separate
job.) The results are CPU seconds, which other processes do not affect, minus those of starting the
process, and peak memory.

Sizes are those of files with 32 maps at 224 pixels, divided by 32.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from fidelity import settings  # noqa: E402
from fidelity.study.names import one_layer  # noqa: E402

SIDE, SHARD, SEED = 64, 256, 1
COMPUTE = {"threads": 1, "batch": 32, "device": "cpu"}
STUDY = {
    "datasets": {
        "d": {
            "source": "phantom",
            "size": SIDE,
            "image_size": SIDE,
            "annotated_classes": ["COVID-19", "Non-COVID"],
        }
    },
    "classifiers": {"net": {"architecture": "resnet18"}},
    "explainers": {"cam": {"method": "gradcam"}},
    "binarizations": {"half": {"method": "fixed", "threshold": 0.5}},
}
LOADED = settings.load(STUDY)
CONFIG = LOADED.model_dump()
DATASET, CAM = LOADED.datasets["d"], LOADED.explainers["cam"]
STEPS: dict[str, Callable[[Path, int], None]] = {}


def step(function: Callable[[Path, int], None]) -> Callable[[Path, int], None]:
    """Register a step under its function's name."""
    STEPS[function.__name__] = function
    return function


def shards(folder: Path) -> list[str]:
    """List the shards of the test split."""
    return sorted(path.stem for path in (folder / "shards").glob("test-*.csv"))


@step
def generate(folder: Path, cases: int) -> None:
    """Draw the phantoms."""
    from fidelity.datasets.sources.phantom import phantom

    counts = DATASET.cases.model_copy(update={"train": 3, "val": 3, "test": cases})
    phantom.generate(folder / "raw/data", DATASET.model_copy(update={"cases": counts}), SEED)


@step
def index_cases(folder: Path, cases: int) -> None:
    """List the cases, check them, and search for near-duplicates."""
    import index_cases

    names = ("cases.csv", "quarantine.csv", "classes.json", "near_duplicates.csv")
    outputs = (folder / name for name in names)
    index_cases.main(folder / "raw", "d", DATASET, {}, *outputs, explained=["test"])


@step
def shard_cases(folder: Path, cases: int) -> None:
    """Divide the cases into shards."""
    import shard_cases

    counts = {"train": 1, "val": 1, "test": -(-cases // SHARD)}
    shard_cases.main(folder / "cases.csv", folder / "classes.json", counts, folder / "shards")


@step
def prepare(folder: Path, cases: int) -> None:
    """Prepare all shards."""
    import prepare

    for name in shards(folder):
        table, output = folder / "shards" / f"{name}.csv", folder / "prepared" / f"{name}.h5"
        prepare.main(table, folder / "raw", folder / "classes.json", DATASET, output)


@step
def explain(folder: Path, cases: int) -> None:
    """Explain all shards."""
    import torch
    from one_case import TRIAL_CLASSES, trial_classifier

    from fidelity.base.compute import configure
    from fidelity.explainers.base import Context
    from fidelity.explainers.runner import explain_shard

    configure(COMPUTE)
    torch.manual_seed(0)
    classifier = trial_classifier({"architecture": "resnet18"}, SIDE, [])
    labels = {"COVID-19": TRIAL_CLASSES[0], "Non-COVID": TRIAL_CLASSES[1]}
    entry = one_layer(CAM, "net")
    for name in shards(folder):
        prepared, maps = (folder / part / f"{name}.h5" for part in ("prepared", "maps"))
        context = Context(classifier, COMPUTE["batch"], SEED, entry.method, None, COMPUTE)
        rule = {"fingerprint": "", "max_failed_cases": 0}
        explain_shard(prepared, maps, entry, context, "reference", labels, **rule)


def _files(folder: Path) -> tuple[list[str], list[str]]:
    return tuple(
        [str(folder / part / f"{name}.h5") for name in shards(folder)]
        for part in ("maps", "prepared")
    )


@step
def sweep(folder: Path, cases: int) -> None:
    """Score at all thresholds."""
    import sweep

    own = LOADED.scores.thresholds, "original", "positive", False, {}
    sweep.main(*_files(folder), *own, str(folder / "curves.parquet"))


@step
def binarize(folder: Path, cases: int) -> None:
    """Binarize the maps."""
    import binarize

    outputs = (str(folder / name) for name in ("masks.json", "masks_status.csv"))
    own = LOADED.binarizations["half"], LOADED.postprocess
    binarize.main(*_files(folder), *own, "original", *outputs)


@step
def score(folder: Path, cases: int) -> None:
    """Score the masks by every metric."""
    import score

    score.main(
        str(folder / "masks.json"),
        str(folder / "masks_status.csv"),
        _files(folder)[1],
        None,
        str(folder / "classes.json"),
        CONFIG["scores"]["metrics"],
        CONFIG["scores"]["empty"],
        CONFIG["scores"]["surface_tolerance"],
        "original",
        {"default": str(folder / "scores.parquet")},
    )


@step
def summarize(folder: Path, cases: int) -> None:
    """Compute means with bootstrap intervals."""
    import summarize
    from fidelity.analysis.localization import load_scores
    from fidelity.base.files import write_csv

    names = ("dataset", "classifier", "explainer", "binarization", "protocol")
    block = dict(zip(names, ("d", "net", "cam", "half", "default"), strict=True))
    scores = load_scores([str(folder / "scores.parquet")], [block])
    cohort = {"annotated": DATASET.annotated_classes, "splits": ["test"], "incomplete": []}
    cohort["partial"] = False
    table = str(folder / "cases.csv")
    means = summarize.main(scores, {**CONFIG["statistics"], "seed": SEED}, table, cohort)
    write_csv(means, folder / "localization.csv")


@step
def start(folder: Path, cases: int) -> None:
    """Start Python and import modules; this time is subtracted from the other steps."""
    import fidelity.classifiers.weights.own_format
    import fidelity.explainers.runner  # noqa: F401


def measure(name: str, folder: Path, cases: int) -> tuple[float, float, float]:
    """Measure a step in a process of its own.

    Returns:
        (CPU seconds, wall-clock seconds, peak memory in MB).
    """
    command = [sys.executable, __file__, "--step", name, "--folder", str(folder)]
    command += ["--cases", str(cases)]
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"the step {name} failed")
    wall = time.perf_counter() - started
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def grow(numbers: list[int]) -> None:
    """Measure all steps for all numbers of cases, and print a table."""
    with tempfile.TemporaryDirectory() as temporary:
        base, _, _ = measure("start", Path(temporary), 0)
    print(f"starting a process with PyTorch: {base:.1f} CPU-s; taken off `explain` alone")
    print("| step | cases | CPU-s | CPU-ms per case | wall-clock s | peak MB |")
    print("|---|---:|---:|---:|---:|---:|", flush=True)
    for cases in numbers:
        with tempfile.TemporaryDirectory() as temporary:
            for name in STEPS:
                if name == "start":
                    continue
                cpu, wall, memory = measure(name, Path(temporary), cases)
                cpu -= base if name == "explain" else 0
                row = f"{cpu:.1f} | {1e3 * cpu / cases:.1f} | {wall:.1f} | {memory:.0f}"
                print(f"| {name} | {cases} | {row} |", flush=True)


def storage() -> None:
    """Print bytes per stored map, by kind."""
    import numpy as np
    from one_case import trial_case, trial_classifier

    from fidelity.datasets.sources.phantom.phantom import make_image, plan
    from fidelity.explainers.base import Context, Task
    from fidelity.explainers.registry import method_of
    from fidelity.explainers.runner import _record
    from fidelity.maps.saliency_map import write_maps

    classifier = trial_classifier({"architecture": "resnet18"}, 224, [])
    items = [item for item in plan({"train": 0, "val": 0, "test": 48}, SEED)]
    images = [make_image(item, DATASET.model_copy(update={"size": 224}), SEED) for item in items][
        :32
    ]
    print("\n| kind | explainer | bytes per map | against 224 × 224 float32 |")
    print("|---|---|---:|---:|")
    for kind, entry in (
        ("grid (7 × 7)", {"method": "gradcam"}),
        ("superpixels", {"method": "lime", "samples": 64}),
        ("dense", {"method": "gradient"}),
        ("binary", {"method": "lung_mask"}),
    ):
        loaded = settings.load({**STUDY, "explainers": {"one": entry}}).explainers["one"]
        loaded = one_layer(loaded, "net")
        chosen = classifier if method_of(entry["method"]).needs_classifier else None
        tasks = [
            Task(
                _with_image(trial_case(224), str(number), made.image, made.lung),
                "A",
                0 if chosen else None,
            )
            for number, made in enumerate(images)
        ]
        module = __import__(
            f"fidelity.{method_of(entry['method']).module}", fromlist=["make"]
        ).make(Context(chosen, 32, SEED, entry["method"], None, COMPUTE), loaded)
        records = [
            _record(task, found, chosen, 0.0)
            for task, found in zip(tasks, module(tasks), strict=True)
        ]
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "maps.h5"
            write_maps(path, records, {"method": entry["method"], "seed": "1"})
            size = path.stat().st_size / len(records)
        times = 224 * 224 * np.dtype(np.float32).itemsize / size
        print(f"| {kind} | {entry['method']} | {size:,.0f} | {times:.1f} times smaller |")


def _with_image(case, name, image, lung):  # noqa: ANN001, ANN202
    from dataclasses import replace

    return replace(case, case=name, image=image, lung=lung > 0)


def main() -> None:
    """Measure and print, or run one step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--step", choices=sorted(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        STEPS[arguments.step](arguments.folder, arguments.cases[0])
        return
    grow(arguments.cases)
    storage()


if __name__ == "__main__":
    main()
