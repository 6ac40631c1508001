"""Methods that only call the classifier, against their best batched peers.

    python benchmarks/perturbation.py --model model.safetensors --prepared test-000.h5
    python benchmarks/perturbation.py            # random weights, a drawn image

One image, float32, batches of 32 on both sides. captum and pytorch-grad-cam are called with that
batch size; RISE's reference is its authors' code, written out: masks of image size made by
scikit-image and held together.

Occlusion, Score-CAM and Ablation-CAM do the peer's work: maps must be equal (Ablation-CAM's times
the logit that the package divides by). RISE and KernelSHAP are estimates. There, this project gets
the fewest passes with which its error is not above the peer's: root mean square over seeds against
the exact value, which for RISE is the limit of many masks. Errors come from outputs computed once.
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
    """Mixed into a CAM of pytorch-grad-cam: returns the map of the layer's size, with its signs."""

    def compute_cam_per_layer(self, input_tensor, targets, eigen_smooth):
        """Leave out what follows the weighted sum."""
        activations = self.activations_and_grads.activations[-1].numpy()
        weights = self.get_cam_weights(
            input_tensor, self.target_layers[0], targets, activations, None
        )
        return (weights[:, :, None, None] * activations).sum(1)

    def aggregate_multi_layers(self, cam):
        """There is one layer."""
        return cam


def authors_rise(
    classifier: Classifier, image: np.ndarray, masks: Masks, target: int
) -> np.ndarray:
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
    stack = held * torch.from_numpy(unit_image(image))
    with torch.no_grad():
        outputs = torch.cat(
            [classifier(classifier.normalise(part)).softmax(1) for part in stack.split(BATCH)]
        )
    saliency = outputs.T @ held.flatten(1)
    return (saliency[target] / len(masks) / 0.5).view(masks.size).numpy()


def fewest(error_of: Callable[[int], float], at_most: float) -> tuple[int, float]:
    """Give the fewest passes whose error is not larger, and that error."""
    for passes in PASSES:
        error = error_of(passes)
        if error <= at_most:
            break
    return passes, error


class Trial:
    """One image and class, and what a method and its peer make of it."""

    def __init__(self, classifier: Classifier, task: Task, samples: int) -> None:
        """Take a classifier, a task, and the passes of the peers that draw samples."""
        self.context = Context(classifier, BATCH, 1, "benchmark")
        self.classifier, self.task, self.samples = classifier, task, samples
        self.image = classifier.preprocess(task.case.image[None])
        self.side = classifier.image_size
        self.size = f"{self.side} px"

    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """Classify as captum wants it."""
        return self.classifier.probabilities(self.classifier(images))

    def rows(self) -> Iterator[Row]:
        """Compare all methods."""
        for method in (self.rise, self.kernel_shap, self.occlusion):
            with torch.inference_mode():
                row = method()
            yield row
        for method in (self.score_cam, self.ablation_cam):
            yield method()

    def ours(self, explain: Explain) -> np.ndarray:
        """Explain with this project."""
        return explain([self.task])[0].map.values

    def rise(self) -> Row:
        """Errors of several draws against the limit of all of them together."""
        entry = explainers.Rise(samples=self.samples)
        case, shape = self.task.case, self.task.case.image.shape
        device = self.classifier.device
        image = torch.from_numpy(unit_image(case.image)).to(device)
        masks = draw(SEEDS * self.samples, 7, 0.5, shape, 1, device)
        flat = torch.cat([masks.make(run).flatten(1) for run in chunks(len(masks), BATCH)])
        outputs = torch.cat(
            [
                classify(self.context, flat[run].view(-1, *shape) * image, entry)
                for run in chunks(len(masks), BATCH)
            ]
        )[:, self.task.target].float()

        def map_of(part: slice, divisor: torch.Tensor | float) -> torch.Tensor:
            return outputs[part] @ flat[part] / divisor

        everything = map_of(slice(None), flat.sum(0))

        def error_of(count: int, coverage: bool) -> float:
            starts = [seed * self.samples for seed in range(SEEDS)]
            parts = [slice(start, start + count) for start in starts]
            maps = [map_of(p, flat[p].sum(0) if coverage else 0.5 * count) for p in parts]
            return float(torch.stack([(each - everything) ** 2 for each in maps]).mean().sqrt())

        theirs = error_of(self.samples, coverage=False)
        passes, error = fewest(lambda count: error_of(count, coverage=True), theirs)
        made = [
            rise.make(self.context, entry.model_copy(update=update))
            for update in ({}, {"samples": passes, "normalise": "coverage"})
        ]
        seed = self.context.seed_of(self.task)

        def peer() -> np.ndarray:
            masks = draw(self.samples, 7, 0.5, shape, seed, device)
            return authors_rise(self.classifier, case.image, masks, self.task.target)

        np.testing.assert_allclose(self.ours(made[0]), peer(), rtol=1e-3)
        seconds = in_turns(peer, lambda: self.ours(made[1]), rounds=1)
        name = f"RISE, {self.size}, {passes} masks (`coverage`)"
        return _estimate(name, f"authors' code, {self.samples} masks", seconds, error, theirs)

    def kernel_shap(self) -> Row:
        """Errors against exact Shapley values, by the outputs of all coalitions."""
        entry = explainers.KernelShap(samples=self.samples, hide=0, superpixels=Grid(cells=3))
        game = Game(self.context, entry, self.task.case)
        players = len(game.players)
        every = np.arange(2**players)[:, None] >> np.arange(players) & 1
        outputs = game.values(every.astype(bool))[:, self.task.target]

        def value(rows: np.ndarray) -> np.ndarray:
            return outputs[rows.astype(np.int64) @ (1 << np.arange(players))]

        ends = value(np.repeat([[0], [1]], players, axis=1))

        def estimate(budget: int, seed: int) -> np.ndarray:
            chosen = shapley.design(players, budget, np.random.default_rng(seed))
            return shapley.solve(chosen, value(chosen.coalitions), *ends)

        def captum_s(budget: int, seed: int) -> np.ndarray:
            torch.manual_seed(seed)
            peer = KernelShap(lambda x: torch.from_numpy(value(x.numpy() > 0.5)))
            one = torch.ones(1, players)
            return peer.attribute(one, n_samples=budget, perturbations_per_eval=1000)[0].numpy()

        exact = estimate(2**players, 0)

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
        name = f"KernelSHAP, {self.size}, {players} superpixels, {passes} passes"
        return _estimate(name, f"captum, {self.samples} passes", seconds, error, theirs)

    def occlusion(self) -> Row:
        """Equal maps."""
        window, stride = self.side // 7, self.side // 28
        entry = explainers.Occlusion(window=window, stride=stride, fill=0)
        explain = occlusion.make(self.context, entry)
        black = self.classifier.normalise(torch.zeros(1, self.side, self.side))

        def peer() -> np.ndarray:
            found = Occlusion(self.probabilities).attribute(
                self.image, (3, window, window), (3, stride, stride), black,
                target=self.task.target, perturbations_per_eval=BATCH,
            )  # fmt: skip
            return found[0, 0].numpy()

        np.testing.assert_allclose(self.ours(explain), peer(), atol=1e-5)
        seconds = in_turns(peer, lambda: self.ours(explain), rounds=1)
        return Row(f"Occlusion, {self.size}", "captum", *seconds, "equal maps")

    def score_cam(self) -> Row:
        """Equal maps."""
        explain = score_cam.make(self.context, explainers.Scorecam())
        return self._cam("Score-CAM", ScoreCAM, explain, 1.0)

    def ablation_cam(self) -> Row:
        """Equal maps but for the logit, by which the package divides."""
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
    return Row(name, peer, *seconds, f"{ours:.2g} against {theirs:.2g}")


def first_case(prepared: Path, classifier: Classifier) -> Task:
    """Take the first case with a class that the classifier knows."""
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
