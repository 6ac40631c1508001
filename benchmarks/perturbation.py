"""RISE, occlusion and KernelSHAP against captum and RISE's own code, the same work on both sides.

    python benchmarks/perturbation.py                  # ResNet-18, 224 px, lung-masked and full
    python benchmarks/perturbation.py --side 64        # a quick look

One process, one thread, CPU seconds, float32, random weights: time does not depend on the
training. The image is the estimate's trial case, whole and masked to its lung. captum is
called as its documentation does (one perturbed image per pass) and with our batch size; RISE's
reference is its authors' code, written out: masks of image size made by scikit-image and held
together. Maps are checked before times are compared: RISE and occlusion must be equal, of
KernelSHAP's two estimates the errors against exact Shapley values are printed on a game small
enough to have them. Rows of `precision: auto` (bfloat16 where the hardware has it) are not the same
work: they state what it buys, and its distance from the float32 map as a share of that map's range.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from captum.attr import KernelShap, Occlusion  # noqa: E402
from one_case import trial_case, trial_classifier  # noqa: E402
from skimage.transform import resize  # noqa: E402

from fidelity.base.compute import configure
from fidelity.explainers.base import Context, Explanation, Task  # noqa: E402
from fidelity.explainers.perturbation import kernel_shap, occlusion, rise, shapley  # noqa: E402
from fidelity.explainers.perturbation.coalitions import lime_parts  # noqa: E402
from fidelity.explainers.perturbation.rise_masks import Masks, draw  # noqa: E402
from fidelity.settings import explainers  # noqa: E402
from fidelity.settings.superpixels import Slic  # noqa: E402

BATCH, TARGET = 32, 0


def timed(function: Callable[[], object]) -> tuple[object, float]:
    """Call a function; its result and CPU seconds (others on the machine do not count)."""
    started = time.process_time()
    result = function()
    return result, time.process_time() - started


def authors_rise(classifier: torch.nn.Module, image: np.ndarray, masks: Masks) -> np.ndarray:
    """RISE as its authors' code does it, on given grids and shifts, hiding by black."""
    cells = masks.grids.shape[1]
    up = [(cells + 1) * -(-side // cells) for side in masks.size]
    made = np.empty((len(masks), *masks.size))
    for i, (grid, (y, x)) in enumerate(
        zip(masks.grids.numpy(), masks.shifts.tolist(), strict=True)
    ):
        large = resize(grid, up, order=1, mode="reflect", anti_aliasing=False)
        made[i] = large[y : y + masks.size[0], x : x + masks.size[1]]
    held = torch.from_numpy(made).float()
    stack = held * torch.from_numpy(image.astype(np.float32) / 255)
    with torch.no_grad():
        outputs = torch.cat(
            [classifier(classifier.normalise(part)).softmax(1) for part in stack.split(BATCH)]
        )
    saliency = outputs.T @ held.flatten(1)
    return (saliency[TARGET] / len(masks) / 0.5).view(masks.size).numpy()


def row(name: str, peer: str, theirs: float, ours: float, note: str) -> None:
    """Print one comparison."""
    print(f"{name:26}{peer:30}{theirs:9.2f}{ours:9.2f}{theirs / ours:8.2f}  {note}", flush=True)


def rounded(name: str, exact: Explanation, seconds: float, auto: Callable[[], object]) -> None:
    """Print what `precision: auto` buys, and its error."""
    found, faster = timed(auto)
    error = np.abs(found.map.values - exact.map.values).max() / np.ptp(exact.map.values)
    row(name, "ours in float32", seconds, faster, f"precision auto, error {error:.1%} of the range")


def compare(label: str, side: int, samples: int, masked: bool) -> None:
    """Time the three methods on one image."""
    classifier = trial_classifier({"architecture": "resnet18"}, side, [])
    case = trial_case(side)
    if masked:
        case.image[~case.lung] = 0
    context, task = Context(classifier, BATCH, 1, "rise"), Task(case, "A", TARGET)

    def ours(module: object, entry: Any, precision: str = "float32") -> Callable[[], Explanation]:
        made = module.make(context, entry.model_copy(update={"precision": precision}))
        return lambda: made([task])[0]

    def forward(x: torch.Tensor) -> torch.Tensor:
        return classifier(x).softmax(1)

    image = classifier.preprocess(case.image[None])
    forward(image.repeat(BATCH, 1, 1, 1))  # the libraries choose their kernels once

    entry = explainers.Rise(samples=samples)
    found, seconds = timed(ours(rise, entry))
    masks = draw(samples, 7, 0.5, case.image.shape, context.seed_of(task), classifier.device)
    expected, theirs = timed(lambda: authors_rise(classifier, case.image, masks))
    np.testing.assert_allclose(found.map.values, expected, rtol=1e-3)
    row(f"RISE, {label}", f"authors' code, {samples} masks", theirs, seconds, "equal maps")
    rounded(f"RISE, {label}", found, seconds, ours(rise, entry, "auto"))

    window, stride = side // 7, side // 28
    entry = explainers.Occlusion(window=window, stride=stride, fill=0)
    found, seconds = timed(ours(occlusion, entry))
    passes = f"{found.extras['windows']} windows, {found.extras['forward_passes']} passes"
    black = classifier.normalise(torch.zeros(1, side, side))
    for each in (1, BATCH):
        expected, theirs = timed(
            lambda each=each: Occlusion(forward).attribute(
                image, (3, window, window), (3, stride, stride), black, target=TARGET,
                perturbations_per_eval=each,
            )[0, 0].detach().numpy()
        )  # fmt: skip
        np.testing.assert_allclose(found.map.values, expected, atol=1e-5)
        row(f"Occlusion, {label}", f"captum, {each} per pass", theirs, seconds, passes)
    rounded(f"Occlusion, {label}", found, seconds, ours(occlusion, entry, "auto"))

    entry = explainers.KernelShap(samples=samples, hide=0, superpixels=Slic())
    found, seconds = timed(ours(kernel_shap, entry))
    passes = f"{found.extras['players']} of {found.extras['superpixels']} superpixels change"
    labels, hidden = lime_parts(context, entry, case)
    hidden = classifier.normalise(torch.from_numpy(hidden)[None])
    mask = torch.from_numpy(labels)[None, None].expand(1, 3, -1, -1)
    for each in (1, BATCH):
        _, theirs = timed(
            lambda each=each: KernelShap(forward).attribute(
                image, hidden, target=TARGET, feature_mask=mask, n_samples=samples,
                perturbations_per_eval=each, return_input_shape=False,
            )
        )  # fmt: skip
        row(f"KernelSHAP, {label}", f"captum, {each} per pass", theirs, seconds, passes)
    rounded(f"KernelSHAP, {label}", found, seconds, ours(kernel_shap, entry, "auto"))


def kernel_shap_errors(players: int = 13, seeds: int = 10) -> None:
    """Print both estimates' errors against exact Shapley values, at equal numbers of passes."""
    rng = np.random.default_rng(0)
    # A saturating sum with pairwise interactions, as a classifier's probability is.
    weights, pairs = rng.normal(size=players), rng.normal(size=(players, players)) / players

    def value(rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.float64)
        return 1 / (1 + np.exp(-(rows @ weights + np.einsum("ni,ij,nj->n", rows, pairs, rows))))

    def estimate(budget: int, seed: int) -> np.ndarray:
        chosen = shapley.design(players, budget, np.random.default_rng(seed))
        ends = value(np.repeat([[False], [True]], players, axis=1))
        return shapley.solve(chosen, value(chosen.coalitions), *ends)

    def captum_s(budget: int, seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        peer = KernelShap(lambda x: torch.from_numpy(value(x.numpy() > 0.5)))
        one = torch.ones(1, players)
        return peer.attribute(one, n_samples=budget, perturbations_per_eval=1000)[0].numpy()

    exact = estimate(2**players, 0)
    print(f"\nRoot mean square error of KernelSHAP, {players} players, {seeds} seeds")
    for budget in (100, 300, 1000):
        errors = [
            np.sqrt(np.mean([(of(budget, seed) - exact) ** 2 for seed in range(seeds)]))
            for of in (captum_s, estimate)
        ]
        print(
            f"{budget:6} passes: captum {errors[0]:.5f}, ours {errors[1]:.5f}, "
            f"{errors[0] / errors[1]:.1f} times less"
        )


def main() -> None:
    """Check the maps, time both sides, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=224, help="pixels of the working image")
    parser.add_argument("--samples", type=int, default=256, help="masks and coalitions")
    arguments = parser.parse_args()
    # As the rules do, and for both sides: threads, and freed memory that is kept.
    configure({"threads": 1, "device": "cpu"})
    print(f"{'method':26}{'peer':30}{'peer s':>9}{'ours s':>9}{'ratio':>8}")
    with torch.inference_mode():
        for label, masked in (("full", False), ("lung alone", True)):
            compare(label, arguments.side, arguments.samples, masked)
    kernel_shap_errors()


if __name__ == "__main__":
    main()
