"""Measure how far results differ between threads, batches, number formats, CPU types and GPUs.

    python benchmarks/tolerance.py --out results/tolerance      # trains a small ResNet-18 first
    python benchmarks/tolerance.py --out results/tolerance \
        --model results/demo/resnet18/model.safetensors --prepared results/demo/prepared/test-000.h5

The same model explains the same images once per setting, each in a process of its own, by the code
of the rule `explain`. Every setting is compared with the first, case by case. Compared are the
stored map, normalised in the frame that is scored, and the scores of its mask at threshold .5.
Settings with existing maps are skipped. No time is measured, so other work does not matter.

Other types of CPU are imitated by fewer instructions. ATEN_CPU_CAPABILITY limits only PyTorch's own
kernels, so `as on …` also limits oneDNN (convolutions) and MKL (products of matrices).
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

import numpy as np  # noqa: E402
import yaml  # noqa: E402

from fidelity import settings  # noqa: E402
from fidelity.settings.explainers import Explainer  # noqa: E402
from fidelity.study.names import one_layer  # noqa: E402

STUDY: dict[str, Any] = {
    "seed": 1,
    "datasets": {
        "phantom": {
            "source": "phantom",
            "cases": {"train": 120, "val": 12, "test": 15},
            "size": 64,
            "image_size": 64,
            "annotated_classes": ["COVID-19", "Non-COVID"],
            "shards": {"train": 1, "val": 1, "test": 1},
        }
    },
    "classifiers": {"net": {"architecture": "resnet18", "training": {"epochs": 8}}},
    "explainers": {
        "gradcam": {"method": "gradcam"},
        "lime": {"method": "lime"},
        "integrated_gradients": {"method": "integrated_gradients"},
        "occlusion": {"method": "occlusion"},
    },
    "binarizations": {"fixed50": {"method": "fixed", "threshold": 0.5}},
    "compute": {"threads": 1, "batch": 32, "device": "cpu"},
}
MODEL = "results/phantom/net/model.safetensors"
PREPARED = "results/phantom/prepared/test-000.h5"
FLOAT32 = "float32"
SETTINGS: dict[str, dict[str, Any]] = {
    "reference": {},
    "the same again": {"group": "again"},
    "2 threads": {"threads": 2},
    "batch 1": {"batch": 1},
    "batch 8": {"batch": 8},
    "oneDNN off": {"onednn": False},
    "ATen default": {"environment": {"ATEN_CPU_CAPABILITY": "default"}},
    "ATen AVX2": {"environment": {"ATEN_CPU_CAPABILITY": "avx2"}},
    "ATen AVX-512": {"environment": {"ATEN_CPU_CAPABILITY": "avx512"}},
    "as on AVX2": {
        "environment": {
            "ATEN_CPU_CAPABILITY": "avx2",
            "ONEDNN_MAX_CPU_ISA": "AVX2",
            "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        }
    },
    "as on SSE4": {
        "environment": {
            "ATEN_CPU_CAPABILITY": "default",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
            "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        }
    },
    "bfloat16": {"precision": "bfloat16", "group": "bfloat16"},
    "cuda": {"device": "cuda", "group": "cuda"},
}
"""The first one is what the others are compared with; those without a group are of float32."""
MASK_SCORES = ("iou", "dice", "hausdorff_full", "hausdorff_boundary", "hd95_boundary")
MAP_SCORES = ("roc_auc",)
TITLES = {
    "map": "map (0 to 1)",
    "iou": "IoU",
    "dice": "Dice",
    "hausdorff_full": "Hausdorff (full sets), px",
    "hausdorff_boundary": "Hausdorff (boundary), px",
    "hd95_boundary": "HD95, px",
    "roc_auc": "ROC-AUC",
}


def explainers(precision: str | None) -> dict[str, Explainer]:
    """Return the explainers' settings with defaults; with a precision, only those that have one."""
    found = {}
    for name, entry in settings.load(STUDY).explainers.items():
        entry = one_layer(entry, "net")
        if precision is None:
            found[name] = entry
        elif hasattr(entry, "precision"):
            found[name] = entry.model_copy(update={"precision": precision})
    return found


def train(folder: Path) -> tuple[Path, Path]:
    """Let the workflow draw a phantom and train on it; return the model and the test shard."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "study.yaml"
    config.write_text(yaml.safe_dump(STUDY, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", MODEL, PREPARED, "--cores", "1"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    subprocess.run([*command, "--configfile", str(config)], check=True)
    return folder / MODEL, folder / PREPARED


def shorten(prepared: Path, images: int, out: Path) -> Path:
    """Write the first annotated cases of a prepared shard; return the file."""
    from fidelity.datasets.prepared import PreparedShard, write_prepared

    path = out / "prepared.h5"
    with PreparedShard(prepared) as shard:
        cases = [case for case in shard if case.references][:images]
        write_prepared(path, cases, shard.attrs)
    return path


def explain(name: str, model: Path, prepared: Path, plugins: list[str], folder: Path) -> None:
    """Compute the maps of one setting, in this process."""
    import torch

    import explain as rule

    setting = SETTINGS[name]
    torch.backends.mkldnn.enabled = setting.get("onednn", True)
    compute = {key: setting.get(key, STUDY["compute"][key]) for key in STUDY["compute"]}
    for explainer, entry in explainers(setting.get("precision")).items():
        output = folder / f"{explainer}.h5"
        rule.main(
            str(prepared), entry, "reference", 0, STUDY["seed"], compute, plugins, "", str(output),
            model=str(model),
        )  # fmt: skip
    capability = torch.backends.cpu.get_cpu_capability()
    (folder / "done.json").write_text(json.dumps({"ATen": capability}))


def scores_of(path: Path, prepared: Path) -> dict[str, dict[str, Any]]:
    """Read maps; return {case: map in the frame, and its scores by name}."""
    from fidelity.binarizations.apply import binarize
    from fidelity.maps.case_maps import explained_cases
    from fidelity.maps.pixel_frames import map_in_frame, reference_in_frame
    from fidelity.metrics.conventions import PROTOCOLS
    from fidelity.metrics.map_metrics import MapPair
    from fidelity.metrics.map_registry import RANKING
    from fidelity.metrics.registry import select
    from fidelity.scoring.mask_scores import score_mask

    metrics, protocol = select(list(MASK_SCORES)), PROTOCOLS["default"]
    config = settings.load(STUDY)
    sign, rule = config.postprocess.sign, config.binarizations["fixed50"]
    found = {}
    for case, record in explained_cases([path], [prepared]):
        map01 = map_in_frame(record.map, case, "original", sign)
        reference = reference_in_frame(case, record.cls, "original")
        mask, _ = binarize(map01, record.map.kind, rule)
        scored = score_mask(reference, mask, metrics, protocol)
        pair = MapPair(map01, reference, None, 0.0, map01)
        scored |= {one.name: one.function(pair) for one in map(RANKING.get, MAP_SCORES)}
        found[f"{case.case}/{record.cls}"] = {"map": map01, **scored}
    return found


def differences(
    one: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]
) -> dict[str, tuple[float, float]]:
    """Return the largest and the mean difference per case, for each quantity compared."""
    found = {}
    for name in TITLES:
        each = [_largest(one[case][name], other[case][name]) for case in one]
        found[name] = (max(each), float(np.mean(each)))
    return found


def _largest(one: Any, other: Any) -> float:
    """Return the largest difference; two undefined scores do not differ, one differs infinitely."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    gap = np.abs(one - other)
    undefined = np.isnan(one), np.isnan(other)
    return float(
        np.where(undefined[0] & undefined[1], 0, np.where(np.isnan(gap), np.inf, gap)).max()
    )


def stated(measured: float) -> float:
    """Return the tolerance to state for a largest difference: twice that, rounded up to a digit."""
    if measured in (0, math.inf):
        return measured
    unit = 10.0 ** math.floor(math.log10(2 * measured))
    return math.ceil(2 * measured / unit - 1e-9) * unit


def report(out: Path, prepared: Path) -> None:
    """Print a table that compares each setting with the first one, then the tolerances."""
    reference, largest = {}, {}
    print(f"\n| setting | explainer | {' | '.join(TITLES.values())} |")
    print(f"|---|---|{'---:|' * len(TITLES)}")
    for setting, explainer, path in maps_of(out):
        found = scores_of(path, prepared)
        if setting == next(iter(SETTINGS)):
            reference[explainer] = found
            continue
        different = differences(found, reference[explainer])
        cells = [f"{most:.2g} ({mean:.2g})" for most, mean in different.values()]
        print(f"| {setting} | {explainer} | {' | '.join(cells)} |")
        group = largest.setdefault(SETTINGS[setting].get("group", FLOAT32), {})
        for name, (most, _) in different.items():
            group[name] = max(group.get(name, 0.0), most)
    missing = [name for name in SETTINGS if not (folder_of(out, name) / "done.json").exists()]
    print(f"\nLargest (mean) difference per case. Not run: {', '.join(missing) or 'none'}")
    print(f"\n| difference per case, at most | {' | '.join(largest)} |")
    print(f"|---|{'---:|' * len(largest)}")
    for name, title in TITLES.items():
        cells = [f"{float(f'{stated(group[name]):.1g}'):g}" for group in largest.values()]
        print(f"| {title} | {' | '.join(cells)} |")


def folder_of(out: Path, setting: str) -> Path:
    """Return the folder of a setting's maps."""
    return out / "maps" / setting.replace(" ", "_")


def maps_of(out: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield (setting, explainer, file of maps) for all maps computed so far."""
    for setting in SETTINGS:
        for explainer in STUDY["explainers"]:
            path = folder_of(out, setting) / f"{explainer}.h5"
            if path.exists() and path.with_name("done.json").exists():
                yield setting, explainer, path


def main() -> None:
    """Read the command line and run all settings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of what was made")
    parser.add_argument("--model", type=Path, help="model.safetensors of a finished study")
    parser.add_argument("--prepared", type=Path, help="a prepared shard of it")
    parser.add_argument("--plugins", nargs="*", default=[], help="files of own architectures")
    parser.add_argument("--images", type=int, help="the first annotated ones alone")
    parser.add_argument("--only", choices=SETTINGS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.model is None or arguments.prepared is None:
        arguments.model, arguments.prepared = train(arguments.out.resolve() / "study")
    if arguments.images:
        arguments.prepared = shorten(arguments.prepared, arguments.images, arguments.out)
    model, prepared, plugins = arguments.model, arguments.prepared, arguments.plugins
    if arguments.only:
        folder = folder_of(arguments.out, arguments.only)
        explain(arguments.only, model, prepared, plugins, folder)
        return
    import torch

    for name, setting in SETTINGS.items():
        if (folder_of(arguments.out, name) / "done.json").exists():
            continue
        if setting.get("device") == "cuda" and not torch.cuda.is_available():
            continue
        command = [sys.executable, __file__, "--out", str(arguments.out), "--only", name]
        command += ["--model", str(model), "--prepared", str(prepared), "--plugins", *plugins]
        threads = str(setting.get("threads", STUDY["compute"]["threads"]))
        environment = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        environment["OMP_WAIT_POLICY"] = "passive"  # waiting threads leave the cores to others
        environment |= setting.get("environment", {})
        subprocess.run(command, check=True, env={**os.environ, **environment})
        print(f"{name}: done", flush=True)
    report(arguments.out, prepared)


if __name__ == "__main__":
    main()
