"""Compare infidelity, sensitivity-max and the sanity checks with the package Quantus, once.

Quantus cannot be in the environment: it needs opencv-python, which excludes the headless version.
So it is installed in a separate folder and named on the command line:

    pip install --target quantus_here --no-deps quantus
    OMP_NUM_THREADS=1 python benchmarks/quantus_agreement.py quantus_here

Prints where the numbers agree, and shows by small cases where Quantus's numbers differ from their
definitions. The findings are in docs/measuring.md.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from fidelity.classifiers.model import Classifier  # noqa: E402
from fidelity.faithfulness.infidelity import infidelity  # noqa: E402
from fidelity.faithfulness.sensitivity import sensitivity_max  # noqa: E402
from fidelity.maps.saliency_map import SaliencyMap  # noqa: E402
from fidelity.metrics.map_similarity import similarities  # noqa: E402
from fidelity.sanity.cascade import cascade, stages_of  # noqa: E402

SIDE = 24
PATCH = 6


def network() -> nn.Sequential:
    """Build a small network with batch normalisations that have seen data."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(96, 3),
    )
    with torch.no_grad():
        for module in net:
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(3)
        net.train()
        for _ in range(30):
            net(torch.rand(16, 1, SIDE, SIDE) * 2)
    return net.eval()


def explain_gradient(model, inputs, targets, **_options) -> np.ndarray:
    """Return signed gradients as Quantus expects them: (n, 1, H, W)."""
    x = torch.as_tensor(inputs, dtype=torch.float32).requires_grad_()
    chosen = model(x).gather(1, torch.as_tensor(targets, dtype=torch.int64)[:, None])
    return torch.autograd.grad(chosen.sum(), x)[0].numpy()


def compare_infidelity(quantus, net: nn.Module, x: np.ndarray, y: np.ndarray) -> None:
    """Compare infidelity on the same squares; Quantus's are on a grid, ours are drawn at random."""
    maps = explain_gradient(net, x, y)
    metric = quantus.Infidelity(
        perturb_baseline="black", n_perturb_samples=1, perturb_patch_sizes=[PATCH],
        abs=False, normalise=False, disable_warnings=True,
    )  # fmt: skip
    theirs = np.array(metric(model=net, x_batch=x, y_batch=y, a_batch=maps, device="cpu"))
    own, piled = [], []
    for image, values, target in zip(x[:, 0], maps[:, 0], y, strict=True):
        masks = grid_squares()
        for kind, removed in (("each", masks), ("piled", np.maximum.accumulate(masks))):
            changed = np.where(removed, image.min(), image)
            with torch.no_grad():
                logits = net(torch.from_numpy(np.stack([image, *changed])[:, None]))[:, target]
            drops = (logits[0] - logits[1:]).double().numpy()
            foretold = ((image - changed) * values).sum((1, 2)).astype(float)
            error = np.mean((foretold - drops) ** 2)
            (own if kind == "each" else piled).append(error)
            if kind == "each":
                scaled = infidelity(foretold, drops)
    print("infidelity, no scaling (Quantus has none)")
    print("  Quantus                               ", np.round(theirs, 5))
    print("  one square at a time (as the paper)   ", np.round(own, 5))
    print("  squares piled up, one after the other ", np.round(piled, 5))
    print("  last image, one at a time, best scale ", round(scaled, 5))


def grid_squares() -> np.ndarray:
    """List squares side by side, row by row: boolean (n, H, W)."""
    masks = []
    for top in range(0, SIDE, PATCH):
        for left in range(0, SIDE, PATCH):
            mask = np.zeros((SIDE, SIDE), bool)
            mask[top : top + PATCH, left : left + PATCH] = True
            masks.append(mask)
    return np.stack(masks)


def compare_sensitivity(quantus, net: nn.Module, x: np.ndarray, y: np.ndarray) -> None:
    """Compare sensitivity with the same noise; Quantus draws it from numpy's global generator."""
    samples, radius = 8, 0.02
    metric = quantus.MaxSensitivity(
        nr_samples=samples, lower_bound=radius, abs=False, normalise=False, disable_warnings=True
    )
    np.random.seed(7)
    theirs = metric(
        model=net, x_batch=x, y_batch=y, a_batch=None, device="cpu", explain_func=explain_gradient
    )
    np.random.seed(7)
    shape = (len(x), x[0].size)
    noise = [np.random.uniform(-radius, radius, shape).reshape(x.shape) for _ in range(samples)]
    own = explain_gradient(net, x, y)
    moved = np.stack([explain_gradient(net, (x + each).astype(np.float32), y) for each in noise])
    ours = [sensitivity_max(own[n], moved[:, n]) for n in range(len(x))]
    print("sensitivity-max, same noise")
    print("  Quantus", np.round(theirs, 5))
    print("  ours   ", np.round(ours, 5))
    print("  largest difference", float(np.abs(np.array(theirs) - ours).max()))


def compare_similarity(quantus) -> None:
    """Compare SSIM of images with SSIM of the pixels in one row."""
    from quantus.functions.similarity_func import correlation_spearman, ssim

    rng = np.random.default_rng(1)
    rows = np.linspace(0, 1, SIDE)[:, None] * np.ones(SIDE)
    noisy = rows + rng.normal(0, 0.2, rows.shape)
    one, other = ((m - m.min()) / np.ptp(m) for m in (rows, noisy))
    ours = similarities(*(SaliencyMap("dense", m) for m in (one, other)), one.shape, "signed")
    flat = [m.reshape(1, -1) for m in (one, other)]
    print("similarity of two maps")
    print(
        "  Spearman: Quantus", correlation_spearman(*flat, batched=True), "ours", ours["spearman"]
    )
    print("  SSIM: Quantus, as its sanity checks call it (flattened)", ssim(*flat, batched=True))
    print("  SSIM: Quantus, given images", ssim(one, other), "ours", ours["ssim"])


def compare_cascade(quantus, net: nn.Sequential, x: np.ndarray, y: np.ndarray) -> None:
    """Compare what Quantus's randomised networks and averages consist of."""
    from quantus.helpers.model.pytorch_model import PyTorchModel

    names = [n for n, m in net.named_modules() if hasattr(m, "reset_parameters")]
    wrapped = PyTorchModel(net, channel_first=True, device="cpu")
    # A single network, changed in place.
    *_, (_, last) = wrapped.get_random_layer_generator(order="top_down", seed=1)
    print("randomised networks")
    print(
        "  Quantus: equal weights in layers of one shape:",
        torch.equal(last[3].weight, last[6].weight),
    )
    print("  Quantus: running mean and variance of the last normalisation:",
          last[7].running_mean.abs().max().item(), last[7].running_var.max().item())  # fmt: skip
    classifier = Classifier(net, "own", ("a", "b", "c"), "softmax", 1, (0.0,), (1.0,), SIDE).eval()
    *_, (_, twin) = cascade(classifier, stages_of(net, 3), 1)
    ours = twin.network
    print("  ours: equal weights:", torch.equal(ours[3].weight, ours[6].weight))
    for name, module in (("trained", net), ("Quantus", last), ("ours", ours)):
        with torch.no_grad():
            spread = module[:9](torch.from_numpy(x)).std().item()
        print(f"  spread of the last activations, {name}: {spread:.3g}")
    options = {"x_batch": x, "y_batch": y, "device": "cpu", "explain_func": explain_gradient}
    settings = {"abs": False, "normalise": False, "disable_warnings": True}
    spearman = quantus.similarity_func.correlation_spearman

    def scores(average: bool):
        metric = quantus.MPRT(spearman, return_average_correlation=average, **settings)
        return metric(model=net, a_batch=None, **options)

    average, full = scores(True), scores(False)
    with_original = np.mean([values for values in full.values()], axis=0)
    without = np.mean([values for key, values in full.items() if key != "original"], axis=0)
    print("  layers:", len(names), "keys of the scores:", list(full))
    print("  'average correlation' of Quantus  ", np.round(average, 4))
    print("  mean with the unrandomised network", np.round(with_original, 4))
    print("  mean of the randomised ones alone ", np.round(without, 4))


def main(folder: str) -> None:
    """Print the comparison."""
    # Appended, so that only Quantus is taken from the folder, and the rest from the environment.
    sys.path.append(folder)
    warnings.filterwarnings("ignore")
    import quantus

    print("Quantus", quantus.__version__)
    net = network()
    x = np.random.default_rng(0).uniform(0, 2, (4, 1, SIDE, SIDE)).astype(np.float32)
    with torch.no_grad():
        y = net(torch.from_numpy(x)).argmax(1).numpy()
    compare_infidelity(quantus, net, x, y)
    compare_sensitivity(quantus, net, x, y)
    compare_similarity(quantus)
    compare_cascade(quantus, net, x, y)


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="where Quantus was installed with --target")
    main(parser.parse_args().folder)
