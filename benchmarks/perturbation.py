"""Compare methods that only call the classifier with their best batched counterparts.

    python benchmarks/perturbation.py --model model.safetensors --prepared test-000.h5
    python benchmarks/perturbation.py            # random weights, a drawn image

One image, batches of 32 on both sides. The other packages run in float32, this project also in
bfloat16 if the processor has it. captum and pytorch-grad-cam are called with that batch size. For
RISE, the counterpart is its authors' code, written out: masks of image size made by scikit-image,
all in memory.

Occlusion, Score-CAM and Ablation-CAM do the same work as their counterparts. Their float32 maps
must be equal (Ablation-CAM's times the logit that the package divides by); for bfloat16, the row
states the difference. RISE and KernelSHAP are estimates. There, this project uses the fewest passes
with which its error is at most the counterpart's. The error is the root mean square over seeds
against the exact value, which for RISE is the limit of many masks. Errors come from outputs that
are computed once.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from captum.attr import KernelShap, Occlusion
from comparison import Row, in_turns, show
from one_case import trial_case, trial_classifier
from pytorch_grad_cam import AblationCAM, ScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from skimage.transform import resize

from fidelity.base.compute import has_native_bfloat16
from fidelity.classifiers.cam_layers.choose import find_cam_layer
from fidelity.classifiers.model import Classifier
from fidelity.classifiers.weights import own_format
from fidelity.datasets.prepared import PreparedShard
from fidelity.explainers.base import Context, Explain, Task
from fidelity.explainers.cam import ablation_cam, score_cam
from fidelity.explainers.perturbation import kernel_shap, occlusion, rise, shapley
from fidelity.explainers.perturbation.coalitions import Game, lime_parts
from fidelity.explainers.perturbation.forward import chunks, classify
from fidelity.explainers.perturbation.hiding import unit_image
from fidelity.explainers.perturbation.rise_masks import Masks, draw
from fidelity.settings import explainers
from fidelity.settings.superpixels import Grid

BATCH, SEEDS = 32, 10
PASSES = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Passes that this project is tried with, few to many."""


class NativeMap:
    """A mixin for pytorch-grad-cam's CAMs: returns the map at the layer's size, with its signs."""

    def compute_cam_per_layer(self, input_tensor, targets, eigen_smooth):
        """Leave out the steps after the weighted sum."""
        activations = self.activations_and_grads.activations[-1].numpy()
        weights = self.get_cam_weights(
            input_tensor, self.target_layers[0], targets, activations, None
        )
        return (weights[:, :, None, None] * activations).sum(1)

    def aggregate_multi_layers(self, cam):
        """Return the map of the only layer."""
        return cam


def authors_rise(
    classifier: Classifier, image: np.ndarray, masks: Masks, target: int
) -> np.ndarray:
    """Compute RISE as its authors' code does, on given grids and shifts, hiding with black."""
    cells = masks.grids.shape[1]
    up = [(cells + 1) * -(-side // cells) for side in masks.size]
    made = np.empty((len(masks), *masks.size))
    for i, (grid, (y, x)) in enumerate(
        zip(masks.grids.numpy(), masks.shifts.tolist(), strict=True)
    ):
        large = resize(grid, up, order=1, mode="reflect", anti_aliasing=False)
        made[i] = large[y : y + masks.size[0], x : x + masks.size[1]]
    held = torch.from_numpy(made).float()
    stack = held * torch.from_numpy(unit_image(image))
    with torch.no_grad():
        outputs = torch.cat(
            [classifier(classifier.normalise(part)).softmax(1) for part in stack.split(BATCH)]
        )
    saliency = outputs.T @ held.flatten(1)
    return (saliency[target] / len(masks) / 0.5).view(masks.size).numpy()


def fewest(error_of: Callable[[int], float], at_most: float) -> tuple[int, float]:
    """Return the fewest passes whose error is not larger, and that error."""
    for passes in PASSES:
        error = error_of(passes)
        if error <= at_most:
            break
    return passes, error


class Trial:
    """One image and class, explained by a method and its counterpart."""

    def __init__(self, classifier: Classifier, task: Task, samples: int) -> None:
        """Store a classifier, a task, and the passes of the counterparts that draw samples."""
        self.context = Context(classifier, BATCH, 1, "benchmark")
        self.classifier, self.task, self.samples = classifier, task, samples
        self.image = classifier.preprocess(task.case.image[None])
        self.side = classifier.image_size
        self.size = f"{self.side} px"

    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """Classify in the form that captum needs."""
        return self.classifier.probabilities(self.classifier(images))

    def rows(self) -> Iterator[Row]:
        """Compare all methods."""
        precisions = ["float32"]
        if has_native_bfloat16(self.classifier.device):
            precisions.append("bfloat16")
        for method in (self.rise, self.kernel_shap, self.occlusion):
            for precision in precisions:
                with torch.inference_mode():
                    row = method(precision)
                yield row
        for method in (self.score_cam, self.ablation_cam):
            yield method()

    def ours(self, explain: Explain) -> np.ndarray:
        """Explain with this project."""
        return explain([self.task])[0].map.values

    def rise(self, precision: str) -> Row:
        """Compare errors of several draws, against the limit of all draws together."""
        entry = explainers.Rise(samples=self.samples)
        few = {"normalise": "coverage", "precision": precision}
        case, shape = self.task.case, self.task.case.image.shape
        device = self.classifier.device
        image = torch.from_numpy(unit_image(case.image)).to(device)
        masks = draw(SEEDS * self.samples, 7, 0.5, shape, 1, device)
        flat = torch.cat([masks.make(run).flatten(1) for run in chunks(len(masks), BATCH)])

        def outputs_of(settings: explainers.Rise) -> torch.Tensor:
            found = [
                classify(self.context, flat[run].view(-1, *shape) * image, settings)
                for run in chunks(len(masks), BATCH)
            ]
            return torch.cat(found)[:, self.task.target].float()

        full = outputs_of(entry)
        fast = full if precision == entry.precision else outputs_of(entry.model_copy(update=few))
        everything = full @ flat / flat.sum(0)

        def error_of(outputs: torch.Tensor, count: int, coverage: bool) -> float:
            starts = [seed * self.samples for seed in range(SEEDS)]
            parts = [slice(start, start + count) for start in starts]
            maps = [
                outputs[p] @ flat[p] / (flat[p].sum(0) if coverage else 0.5 * count) for p in parts
            ]
            return float(torch.stack([(each - everything) ** 2 for each in maps]).mean().sqrt())

        theirs = error_of(full, self.samples, coverage=False)
        passes, error = fewest(lambda count: error_of(fast, count, coverage=True), theirs)
        made = [
            rise.make(self.context, entry.model_copy(update=update))
            for update in ({}, {"samples": passes, **few})
        ]
        seed = self.context.seed_of(self.task)

        def peer() -> np.ndarray:
            masks = draw(self.samples, 7, 0.5, shape, seed, device)
            return authors_rise(self.classifier, case.image, masks, self.task.target)

        np.testing.assert_allclose(self.ours(made[0]), peer(), rtol=1e-3)
        seconds = in_turns(peer, lambda: self.ours(made[1]), rounds=1)
        name = f"RISE, {self.size}, {precision}, {passes} masks (`coverage`)"
        return _estimate(name, f"authors' code, {self.samples} masks", seconds, error, theirs)

    def kernel_shap(self, precision: str) -> Row:
        """Compare errors against exact Shapley values, from the outputs of all coalitions."""
        full = explainers.KernelShap(samples=self.samples, hide=0, superpixels=Grid(cells=3))
        entry = full.model_copy(update={"precision": precision})
        game = Game(self.context, full, self.task.case)
        players = len(game.players)
        every = (np.arange(2**players)[:, None] >> np.arange(players) & 1).astype(bool)
        outputs = {full.precision: game.values(every)}
        if precision != full.precision:
            outputs[precision] = Game(self.context, entry, self.task.case).values(every)

        def value(rows: np.ndarray, of: str = "float32") -> np.ndarray:
            return outputs[of][rows.astype(np.int64) @ (1 << np.arange(players)), self.task.target]

        def estimate(budget: int, seed: int, of: str = precision) -> np.ndarray:
            chosen = shapley.design(players, budget, np.random.default_rng(seed))
            ends = value(np.repeat([[0], [1]], players, axis=1), of)
            return shapley.solve(chosen, value(chosen.coalitions, of), *ends)

        def captum_s(budget: int, seed: int) -> np.ndarray:
            torch.manual_seed(seed)
            peer = KernelShap(lambda x: torch.from_numpy(value(x.numpy() > 0.5)))
            one = torch.ones(1, players)
            return peer.attribute(one, n_samples=budget, perturbations_per_eval=1000)[0].numpy()

        exact = estimate(2**players, 0, "float32")

        def error_of(way: Callable[[int, int], np.ndarray], budget: int) -> float:
            errors = [(way(budget, seed) - exact) ** 2 for seed in range(SEEDS)]
            return float(np.sqrt(np.mean(errors)))

        theirs = error_of(captum_s, self.samples)
        passes, error = fewest(lambda budget: error_of(estimate, budget), theirs)
        explain = kernel_shap.make(self.context, entry.model_copy(update={"samples": passes}))
        labels, hidden = lime_parts(self.context, entry, self.task.case)
        hidden = self.classifier.normalise(torch.from_numpy(hidden)[None])
        mask = torch.from_numpy(labels)[None, None].expand(1, 3, -1, -1)

        def peer() -> None:
            KernelShap(self.probabilities).attribute(
                self.image, hidden, target=self.task.target, feature_mask=mask,
                n_samples=self.samples, perturbations_per_eval=BATCH, return_input_shape=False,
            )  # fmt: skip

        seconds = in_turns(peer, lambda: self.ours(explain), rounds=1)
        name = f"KernelSHAP, {self.size}, {precision}, {players} superpixels, {passes} passes"
        return _estimate(name, f"captum, {self.samples} passes", seconds, error, theirs)

    def occlusion(self, precision: str) -> Row:
        """Compare times; the float32 maps must be equal."""
        window, stride = self.side // 7, self.side // 28
        entry = explainers.Occlusion(window=window, stride=stride, fill=0, precision=precision)
        explain = occlusion.make(self.context, entry)
        black = self.classifier.normalise(torch.zeros(1, self.side, self.side))

        def peer() -> np.ndarray:
            found = Occlusion(self.probabilities).attribute(
                self.image, (3, window, window), (3, stride, stride), black,
                target=self.task.target, perturbations_per_eval=BATCH,
            )  # fmt: skip
            return found[0, 0].numpy()

        found, expected = self.ours(explain), peer()
        if precision == "float32":
            np.testing.assert_allclose(found, expected, atol=1e-5)
            error = "equal maps"
        else:
            relative = np.linalg.norm(found - expected) / np.linalg.norm(expected)
            error = f"error {relative:.2g} of the map's norm"
        seconds = in_turns(peer, lambda: self.ours(explain), rounds=1)
        return Row(f"Occlusion, {self.size}, {precision}", "captum", *seconds, error)

    def score_cam(self) -> Row:
        """Compare times; the maps must be equal."""
        explain = score_cam.make(self.context, explainers.Scorecam())
        return self._cam("Score-CAM", ScoreCAM, explain, 1.0)

    def ablation_cam(self) -> Row:
        """Compare times; the maps must be equal except for the logit that divides the package's."""
        explain = ablation_cam.make(self.context, explainers.Ablationcam())
        with torch.no_grad():
            logit = float(self.classifier(self.image)[0, self.task.target])
        return self._cam("Ablation-CAM", AblationCAM, explain, logit)

    def _cam(self, name: str, method: type, explain: Explain, factor: float) -> Row:
        layer = find_cam_layer(self.classifier).module
        cam = type(name, (NativeMap, method), {})(self.classifier, [layer])
        cam.batch_size = BATCH

        def peer() -> np.ndarray:
            return cam(self.image, [ClassifierOutputTarget(self.task.target)])[0]

        expected = factor * peer()
        found = self.ours(explain)
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
        seconds = in_turns(peer, lambda: self.ours(explain), rounds=1)
        return Row(f"{name}, {self.size}", "pytorch-grad-cam", *seconds, "equal maps")


def _estimate(name: str, peer: str, seconds: list[float], ours: float, theirs: float) -> Row:
    return Row(name, peer, *seconds, f"error {ours:.2g} (package: {theirs:.2g})")


def first_case(prepared: Path, classifier: Classifier) -> Task:
    """Find the first case with a class that the classifier has."""
    with PreparedShard(prepared) as shard:
        return next(
            Task(case, cls, classifier.index_of(cls))
            for case in shard
            for cls in case.references
            if cls in classifier.classes
        )


def rows(model: Path | None, prepared: Path | None, side: int, samples: int) -> Iterator[Row]:
    """Compare the methods on one image."""
    if model:
        classifier = own_format.load(model).eval()
        task = first_case(prepared, classifier)
    else:
        classifier = trial_classifier({"architecture": "resnet18"}, side, [])
        task = Task(trial_case(side), "A", 0)
    yield from Trial(classifier, task, samples).rows()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="model.safetensors of a finished study")
    parser.add_argument("--prepared", type=Path, help="a prepared shard of it")
    parser.add_argument("--side", type=int, default=224, help="pixels of the drawn image")
    parser.add_argument("--samples", type=int, default=256, help="passes of RISE and KernelSHAP")
    show(rows(**vars(parser.parse_args())))
