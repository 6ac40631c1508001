"""This project's LIME against the package `lime`: error against seconds, in one run.

    python benchmarks/lime.py --model results/demo/resnet18/model.safetensors \
        --prepared results/demo/prepared/test-000.h5 --images 20 --seeds 10
    python benchmarks/lime.py --images 2 --seeds 3 --side 128   # random weights: a quick look

Both get the same superpixels. The reference is the package's sampling in float32 with many samples
(`--reference`), its α the package's per sample (α·n / 1000), as is that of every setting here, the
package's too: all estimate one thing. Error is |b − reference| / |reference| over the superpixels
of an image, its square split into bias² (of the mean over seeds, less what its variance adds) and
variance; what bfloat16 rounds counts. Errors of the package are those of this project's engine at
`sampling: package` in float32, whose coefficients are checked against the package in each run that
is timed; the package itself is run and timed for `--timed-seeds` of the seeds. Segmentation, the
same for both, is timed by itself. One thread unless OMP_NUM_THREADS says otherwise.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Behind what is installed: this folder has a lime.py as well, which is not the package.
sys.path = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import matplotlib  # noqa: E402

matplotlib.use("agg")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from lime import lime_image  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402

from fidelity.classifiers import store  # noqa: E402
from fidelity.classifiers.model import Classifier  # noqa: E402
from fidelity.compute import configure  # noqa: E402
from fidelity.datasets.prepared import PreparedShard  # noqa: E402
from fidelity.estimate import trial_case, trial_classifier  # noqa: E402
from fidelity.explainers.base import Context, Task  # noqa: E402
from fidelity.explainers.lime import SAMPLES_OF_ALPHA, explain_superpixels  # noqa: E402
from fidelity.explainers.superpixels import rgb_image, segment  # noqa: E402
from fidelity.settings import SUPERPIXEL_DEFAULTS  # noqa: E402

GOAL, PROTOCOL, TOLERANCE = 6.0, 1000, 1e-6
REFERENCE_SEED = 2**31 - 1
SETTINGS: dict[str, Any] = {
    "sampling": "package", "samples": PROTOCOL, "kernel_width": 0.25, "alpha": 1.0, "hide": "mean",
    "hide_sigma": 8, "hide_radius": 3, "output": "probability", "precision": "float32",
    "adaptive": None, "stability_top": 5,
}  # fmt: skip

lime_image.tqdm = partial(lime_image.tqdm, disable=True)


@dataclass
class Setting:
    """One way to explain; errors (relative, squared) and seconds are filled in, one per image."""

    name: str
    samples: int
    settings: dict[str, Any]
    bias: list[float]
    variance: list[float]
    error: list[float]
    seconds: list[float]

    @property
    def root(self) -> float:
        """Root mean square error over images and seeds."""
        return float(np.sqrt(np.mean(self.error)))


def settings_to_measure(samples: Sequence[int]) -> list[Setting]:
    """List the ways to explain: the package first."""
    found = []
    for name, sampling, precision in (
        ("package", "package", "float32"),
        ("own, package float32", "package", "float32"),
        ("own, random bfloat16", "random", "bfloat16"),
        ("own, antithetic bfloat16", "antithetic", "bfloat16"),
        ("own, hadamard float32", "hadamard", "float32"),
        ("own, hadamard bfloat16", "hadamard", "bfloat16"),
    ):
        for n in sorted({*samples, PROTOCOL}):
            own = {**SETTINGS, "sampling": sampling, "precision": precision, "samples": n}
            if sampling == "package":
                own["alpha"] = n / SAMPLES_OF_ALPHA  # the engine scales the others' by itself
            found.append(Setting(name, n, own, [], [], [], []))
    return found


def by_package(
    context: Context, settings: dict[str, Any], task: Task, segments: np.ndarray, seed: int
) -> np.ndarray:
    """Explain with the package, its images classified in batches of the same size."""

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


def measure(
    context: Context, task: Task, segments: np.ndarray, ways: list[Setting], args: Any
) -> float:
    """Add one image's errors and seconds to every setting.

    Returns:
        The reference's own standard error, relative.
    """
    alpha = args.reference / SAMPLES_OF_ALPHA
    exact = {**SETTINGS, "samples": args.reference, "alpha": alpha}
    reference, extras = explain_superpixels(context, exact, task, segments, [REFERENCE_SEED])
    size = float((reference**2).sum())
    for way in ways:
        found, seconds = [], []
        for seed in range(args.seeds):
            started = time.perf_counter()
            weights, _ = explain_superpixels(context, way.settings, task, segments, [seed])
            elapsed = time.perf_counter() - started
            if way.name == "package":
                if seed < args.timed_seeds:
                    started = time.perf_counter()
                    peer = by_package(context, way.settings, task, segments, seed)
                    seconds.append(time.perf_counter() - started)
                    np.testing.assert_allclose(weights, peer, atol=TOLERANCE, rtol=0)
            else:
                seconds.append(elapsed)
            found.append(weights)
        variance = float(np.var(found, axis=0, ddof=1).sum())
        off = float(((np.mean(found, axis=0) - reference) ** 2).sum())
        way.variance.append(variance / size)
        way.bias.append((off - variance / len(found)) / size)
        way.error.append(float(((np.array(found) - reference) ** 2).sum(1).mean()) / size)
        way.seconds.append(float(np.median(seconds)))
    errors = np.array(extras.get("coefficient_errors", [np.nan]))
    return float(np.sqrt((errors**2).sum() / size))


def report(ways: list[Setting], figure: Path) -> None:
    """Print the table and the ratio, draw error against seconds."""
    print(f"\n{'setting':28}{'samples':>8}{'seconds':>9}{'error':>8}{'|bias|':>8}{'std':>8}")
    for way in ways:
        bias = np.sqrt(max(0.0, float(np.mean(way.bias))))
        spread = np.sqrt(np.mean(way.variance))
        print(
            f"{way.name:28}{way.samples:8}{np.mean(way.seconds):9.2f}{way.root:8.3f}"
            f"{bias:8.3f}{spread:8.3f}"
        )
    peer = next(w for w in ways if w.name == "package" and w.samples == PROTOCOL)
    good = [w for w in ways if w.name != "package" and w.root <= peer.root]
    if good:
        best = min(good, key=lambda w: np.mean(w.seconds))
        ratio = np.mean(peer.seconds) / np.mean(best.seconds)
        print(
            f"\n{ratio:.1f} times faster than the package at {PROTOCOL} samples, error "
            f"{best.root:.3f} against {peer.root:.3f} ({best.name}, {best.samples} samples)."
        )
        print(f"At least {GOAL:g} times: {'met' if ratio >= GOAL else 'missed'}")
    else:
        print(f"\nNo setting reaches the package's error of {peer.root:.3f}: missed")
    fig, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for name in dict.fromkeys(way.name for way in ways):
        part = [way for way in ways if way.name == name]
        seconds = [np.mean(way.seconds) for way in part]
        axis.plot(seconds, [way.root for way in part], "o-", label=name, markersize=4)
    axis.set(xscale="log", yscale="log", xlabel="seconds per image", ylabel="relative error")
    axis.legend(fontsize=7)
    fig.savefig(figure, dpi=150)
    print(f"Figure: {figure}")


def inputs(args: argparse.Namespace, device: torch.device) -> tuple[Classifier, list[Task]]:
    """Load the classifier and the first annotated cases, or make up both."""
    if args.model is None:
        print("Random weights and made-up images: the ratio says little about a trained classifier")
        classifier = trial_classifier({"architecture": "resnet18"}, args.side, []).to(device)
        case = trial_case(args.side)
        rng = np.random.default_rng(0)
        cases = []
        for number in range(args.images):
            noise = np.roll(case.image, rng.integers(0, args.side, 2), (0, 1))
            masked = (noise * case.lung).astype(np.uint8)
            cases.append(replace(case, case=f"trial-{number}", image=masked))
        return classifier, [Task(case, "A", 0) for case in cases]
    classifier = store.load(args.model).to(device).eval()
    tasks = []
    for path in args.prepared:
        with PreparedShard(path) as shard:
            for case in shard:
                cls = next((c for c in case.references if c in classifier.classes), None)
                if cls is not None and len(tasks) < args.images:
                    tasks.append(Task(case, cls, classifier.index_of(cls)))
    if len(tasks) < args.images:
        raise SystemExit(f"only {len(tasks)} annotated cases in the files of --prepared")
    return classifier, tasks


def main() -> None:
    """Measure all settings on all images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="model.safetensors of a finished study")
    parser.add_argument("--prepared", type=Path, nargs="*", default=[], help="its prepared shards")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--timed-seeds", type=int, default=1, help="seeds the package is run for")
    parser.add_argument("--samples", type=int, nargs="*", default=[128, 256, 384, 512, 2000])
    parser.add_argument("--reference", type=int, default=8192, help="samples of the reference")
    parser.add_argument("--side", type=int, default=224, help="of made-up images")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--kernel-size", type=float, default=4, help="of quickshift")
    parser.add_argument("--figure", type=Path, default=Path("lime_error_against_seconds.png"))
    args = parser.parse_args()
    threads = int(os.environ["OMP_NUM_THREADS"])
    device = configure({"threads": threads, "device": args.device})
    classifier, tasks = inputs(args, device)
    context = Context(classifier, args.batch, 1, "lime")
    ways = settings_to_measure(args.samples)
    algorithm = {"algorithm": "quickshift", **SUPERPIXEL_DEFAULTS["quickshift"]}
    algorithm["kernel_size"] = args.kernel_size
    warm = {**SETTINGS, "samples": 2 * args.batch}
    for number, task in enumerate(tasks):
        started = time.perf_counter()
        segments = segment(rgb_image(task.case.image), algorithm, context.seed_of(task))
        seconds = time.perf_counter() - started
        if number == 0:  # the first passes of a process are slow
            for precision in ("float32", "bfloat16"):
                settings = {**warm, "precision": precision}
                explain_superpixels(context, settings, task, segments, [0])
        known = measure(context, task, segments, ways, args)
        print(
            f"{task.case.case}: {segments.max() + 1} superpixels in {seconds:.2f} s, standard "
            f"error of the reference {known:.3f}",
            flush=True,
        )
    report(ways, args.figure)


if __name__ == "__main__":
    main()
