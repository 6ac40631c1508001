"""Compare this project's LIME with the package `lime`: error against seconds.

    python benchmarks/lime_speed.py all --out results/lime --images 20 --seeds 10 \
        --model results/demo/resnet18/model.safetensors --prepared results/demo/prepared/test-000.h5

`errors` and `timing` write one JSON file per image and skip existing files. `report` combines them
into a table, the ratio and a figure. `all` does all three. Errors need many seeds but no timing
(`lime_errors.py`); times need only few seeds.

Both sides get the same superpixels and the same classifier, and the package's pictures are
classified in batches of the same size. The reference is the limit of the package's own sampling in
float32. It is computed for an infinite number of samples if possible (`--exact-bits`), else as the
regression over its samples of all seeds. α is proportional to the samples (α·n / 1000), also for
the package, so that all estimate the same value. The error is |b − reference| / |reference| over
the superpixels of an image, and includes the rounding of bfloat16. Errors of the package are those
of this project's engine at `sampling: package` in float32. Its coefficients are checked against the
package for each timed image.

Seconds are CPU-seconds of one thread, without segmentation, which is the same for both sides.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from comparison import Row, prepare, timed
from lime import lime_image
from lime_errors import PACKAGE, Kept, errors_of_image
from matplotlib import pyplot as plt
from sklearn.linear_model import Ridge

from fidelity.classifiers.weights import own_format
from fidelity.datasets.prepared import PreparedShard
from fidelity.explainers.base import Context, Task
from fidelity.explainers.lime.designs import SAMPLES
from fidelity.explainers.lime.lime import Lime
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.settings import explainers
from fidelity.settings.superpixels import Quickshift

matplotlib.use("agg")
PROTOCOL, TOLERANCE = 1000, 1e-6
SETTINGS: dict[str, Any] = {
    "kernel_width": 0.25, "alpha": 1.0, "hide": "mean", "hide_sigma": 8, "hide_radius": 3,
    "output": "probability", "adaptive": None, "stability_top": 5,
}  # fmt: skip
ENGINE = "The engine with the package's samples"
PLAIN, FEW = (256, 512, 1000), (48, 64, 96, 128, 256, 0.1, 0.15)
WAYS: dict[str, tuple[str, str, tuple[float, ...]]] = {
    PACKAGE: ("package", "float32", (PROTOCOL,)),
    "random bfloat16": ("random", "bfloat16", PLAIN),
    "antithetic bfloat16": ("antithetic", "bfloat16", PLAIN),
    "hadamard bfloat16": ("hadamard", "bfloat16", PLAIN),
    "interpolated float32": ("interpolated", "float32", FEW),
    "interpolated bfloat16": ("interpolated", "bfloat16", FEW),
}
"""Name, then sampling, precision and numbers of samples; below 1 the error to stop at."""

lime_image.tqdm = partial(lime_image.tqdm, disable=True)


def ways_of(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """List the ways to explain, as settings by "name, samples"; the package comes first."""
    found = {}
    for name in dict.fromkeys([PACKAGE, *args.ways]):
        sampling, precision, counts = WAYS[name]
        if name != PACKAGE and args.samples:
            counts = args.samples
        for count in counts:
            own = {**SETTINGS, "sampling": sampling, "precision": precision, "samples": count}
            if count < 1:
                own |= {"samples": None, "adaptive": {"batch": 32, "error": count}}
            if sampling == "package":
                own["alpha"] = count / SAMPLES  # the engine scales α for the other samplings itself
            title = f"{name}, {count} samples" if count >= 1 else f"{name}, to error {count}"
            found[name if name == PACKAGE else title] = own
    return found


def by_package(
    context: Context, settings: dict[str, Any], task: Task, segments: np.ndarray, seed: int
) -> np.ndarray:
    """Explain with the package, with its images classified in batches of the same size."""

    @torch.inference_mode()
    def probabilities(images: np.ndarray) -> np.ndarray:
        classifier = context.classifier
        grey = torch.from_numpy(np.ascontiguousarray(images[..., 0])).float()
        logits = classifier(classifier.normalise(grey.to(classifier.device)))
        return classifier.probabilities(logits).double().cpu().numpy()

    explanation = lime_image.LimeImageExplainer(
        kernel_width=settings["kernel_width"],
        feature_selection="none",
        random_state=np.random.RandomState(seed),
    ).explain_instance(
        rgb_image(task.case.image),
        probabilities,
        labels=(task.target,),
        top_labels=None,
        num_samples=settings["samples"],
        batch_size=context.batch,
        segmentation_fn=lambda _: segments,
        model_regressor=Ridge(alpha=settings["alpha"]),
    )
    weights = dict(explanation.local_exp[task.target])
    return np.array([weights[label] for label in range(len(weights))])


def inputs(args: argparse.Namespace) -> tuple[Context, list[tuple[Task, np.ndarray]]]:
    """Load the classifier and the first annotated cases with their superpixels."""
    classifier = own_format.load(args.model, plugins=args.plugins).eval()
    context = Context(classifier, args.batch, 1, "lime")
    algorithm = Quickshift().model_dump()
    algorithm["kernel_size"] = args.kernel_size
    tasks = []
    for path in args.prepared:
        with PreparedShard(path) as shard:
            for case in shard:
                cls = next((c for c in case.references if c in classifier.classes), None)
                if cls is None or len(tasks) == args.images:
                    continue
                task = Task(case, cls, classifier.index_of(cls))
                segments = segment(rgb_image(case.image), algorithm, context.seed_of(task))
                if not args.most_superpixels or segments.max() < args.most_superpixels:
                    tasks.append((task, segments))
    if len(tasks) < args.images:
        print(f"only {len(tasks)} such annotated cases in the files of --prepared")
    return context, tasks


def study_errors(args: argparse.Namespace) -> None:
    """Write errors/<case>.json for each image."""
    context, tasks = inputs(args)
    ways = ways_of(args)
    for task, segments in tasks:
        path = args.out / "errors" / f"{task.case.case}.json"
        if _is_done(path, ways, args.seeds):
            continue
        pictures = Kept(context, SETTINGS, task, segments, args.out / "outputs")
        try:
            found = errors_of_image(pictures, task, segments, ways, args.seeds, args.exact_bits)
        finally:
            pictures.save()
        _write(path, found)
        print(f"{task.case.case}: {found['live']} of {found['superpixels']} superpixels, "
              f"reference {found['reference']}", flush=True)  # fmt: skip


def study_timing(args: argparse.Namespace) -> None:
    """Write timing/<case>.json for each image: the seconds of each way, measured once."""
    context, tasks = inputs(args)
    ways = ways_of(args)
    for precision in dict.fromkeys(way["precision"] for way in ways.values()):
        warm = {**SETTINGS, "sampling": "random", "samples": 2 * args.batch}
        Lime.of_task(
            context, explainers.Lime(**warm | {"precision": precision}), *tasks[0], [0]
        ).weigh()
    for number, (task, segments) in enumerate(tasks):
        path = args.out / "timing" / f"{task.case.case}.json"
        due = {k: w for k, w in ways.items() if k != PACKAGE or number < args.package_images}
        if _is_done(path, due):
            continue
        seconds = {}
        for name, way in due.items():
            own = partial(Lime.of_task, context, explainers.Lime(**way), task, segments, [0])
            (weights, _), seconds[name] = timed(lambda own=own: own().weigh())
            if name == PACKAGE:  # this project's engine is timed
                seconds[ENGINE] = seconds[name]
                theirs = partial(by_package, context, way, task, segments, 0)
                peer, seconds[name] = timed(theirs)
                np.testing.assert_allclose(weights, peer, atol=TOLERANCE, rtol=0)
        _write(path, {"case": task.case.case, "ways": seconds})
        print(f"{task.case.case}: timed", flush=True)


def _is_done(path: Path, ways: dict[str, Any], seeds: int | None = None) -> bool:
    if not path.exists():
        return False
    found = json.loads(path.read_text())
    return set(ways) <= set(found["ways"]) and found.get("seeds") == seeds


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".new").write_text(json.dumps(content, indent=1))
    path.with_suffix(".new").replace(path)


def report(args: argparse.Namespace) -> None:
    """Print the table and the ratio, and draw error against seconds."""
    images, seconds = _measured(args.out)
    exact = sum(image["reference"] == "exact" for image in images)
    print(
        f"{len(images)} images × {images[0]['seeds']} seeds; superpixels "
        f"{_range(images, 'superpixels')}, of which hiding changes {_range(images, 'live')}; "
        f"reference exact for {exact}, else of {images[0]['seeds'] * PROTOCOL} samples; seconds of "
        f"{len(seconds)} images, the package's of {sum(PACKAGE in found for found in seconds)}"
    )
    rows = {name: _row(name, images, seconds) for name in images[0]["ways"]}
    peer = rows[PACKAGE]
    print(f"{'setting':40}{'pictures':>9}{'seconds':>9}{'ratio':>7}{'error':>8}{'|bias|':>8}"
          f"{'std':>8}{'coverage':>10}{'images no worse':>17}")  # fmt: skip
    for name, row in rows.items():
        row["ratio"] = peer["seconds"] / row["seconds"]
        print(f"{name:40}{row['pictures']:9.0f}{row['seconds']:9.2f}{row['ratio']:7.1f}"
              f"{row['error']:8.3f}{row['bias']:8.3f}{row['std']:8.3f}{row['coverage']:10.2f}"
              f"{row['no worse']:17.0%}")  # fmt: skip
    engine = [found[ENGINE] for found in seconds if ENGINE in found]
    if engine:
        print(f"{ENGINE} (the same coefficients): {np.mean(engine):.2f} s")
    _draw(rows, args.figure or args.out / "error_against_seconds.png")


def rows(args: argparse.Namespace) -> Iterator[Row]:
    """Yield the fastest setting of each precision whose error is at most the package's."""
    with contextlib.redirect_stdout(sys.stderr):
        study_errors(args)
        study_timing(args)
    images, seconds = _measured(args.out)
    joined = {name: _row(name, images, seconds) for name in images[0]["ways"]}
    peer = joined.pop(PACKAGE)
    for precision in ("float32", "bfloat16"):
        own = {name: row for name, row in joined.items() if precision in name}
        good = [name for name in own if own[name]["error"] <= peer["error"]]
        name = min(good or own, key=lambda name: own[name]["seconds" if good else "error"])
        error = f"error {own[name]['error']:.3f} (package: {peer['error']:.3f})"
        task = f"LIME, {len(images)} images × {args.seeds} seeds, {name}"
        times = peer["seconds"], own[name]["seconds"]
        yield Row(task, f"lime, {PROTOCOL} samples", *times, error)


def _measured(out: Path) -> tuple[list[dict[str, Any]], list[dict[str, float]]]:
    return _read(out / "errors"), [found["ways"] for found in _read(out / "timing")]


def _read(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise SystemExit(f"nothing was measured: {folder} is empty")
    return found


def _row(
    name: str, images: list[dict[str, Any]], seconds: list[dict[str, float]]
) -> dict[str, float]:
    """Combine the measurements of one way to explain."""
    own = [image["ways"][name] for image in images]
    peers = [image["ways"][PACKAGE] for image in images]
    biases = [way["bias"] for way in own if way["bias"] is not None]
    covered = [way["coverage"] for way in own if way["coverage"] is not None]
    known = [found[name] for found in seconds if name in found]
    better = [way["error"] <= peer["error"] for way, peer in zip(own, peers, strict=True)]
    return {
        "error": _root([way["error"] for way in own]),
        "bias": _root(biases) if biases else np.nan,
        "std": _root([way["variance"] for way in own]),
        "no worse": float(np.mean(better)),
        "pictures": float(np.mean([way["pictures"] for way in own])),
        "coverage": float(np.mean(covered)) if covered else np.nan,
        "seconds": float(np.mean(known)) if known else np.nan,
    }


def _draw(rows: dict[str, dict[str, float]], path: Path) -> None:
    fig, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for kind in dict.fromkeys(name.split(",")[0] for name in rows):
        part = [row for name, row in rows.items() if name.split(",")[0] == kind]
        axis.plot([r["seconds"] for r in part], [r["error"] for r in part], "o-", label=kind, ms=4)
    axis.axhline(rows[PACKAGE]["error"], color="grey", linewidth=0.8, linestyle=":")
    axis.set(xscale="log", yscale="log", xlabel="seconds per image", ylabel="relative error")
    axis.legend(fontsize=7)
    fig.savefig(path, dpi=150)
    print(f"Figure: {path}")


def _root(squares: list[float]) -> float:
    return float(np.sqrt(max(0.0, np.mean(squares))))


def _range(images: list[dict[str, Any]], key: str) -> str:
    values = [image[key] for image in images]
    return f"{min(values)} to {max(values)}"


def parser() -> argparse.ArgumentParser:
    """Define the command line."""
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    found.add_argument("what", choices=["errors", "timing", "report", "all"])
    found.add_argument("--out", type=Path, required=True, help="folder of what was measured")
    found.add_argument("--model", type=Path, help="model.safetensors of a finished study")
    found.add_argument("--prepared", type=Path, nargs="*", default=[], help="its prepared shards")
    found.add_argument("--plugins", nargs="*", default=[], help="files of own architectures")
    found.add_argument("--images", type=int, default=20)
    found.add_argument("--most-superpixels", type=int, help="pass over images with more")
    found.add_argument("--seeds", type=int, default=10, help="of the errors")
    found.add_argument("--package-images", type=int, default=3, help="images it is timed on")
    found.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    found.add_argument("--samples", type=int, nargs="*", help="instead of each way's own numbers")
    found.add_argument("--exact-bits", type=int, default=12)
    found.add_argument("--batch", type=int, default=32)
    found.add_argument("--kernel-size", type=float, default=4, help="of quickshift")
    found.add_argument("--figure", type=Path)
    return found


def main() -> None:
    """Run the command that the command line names."""
    args = parser().parse_args()
    prepare()
    if args.what in ("errors", "all"):
        study_errors(args)
    if args.what in ("timing", "all"):
        study_timing(args)
    if args.what in ("report", "all"):
        report(args)


if __name__ == "__main__":
    main()
