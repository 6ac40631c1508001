"""Measure the errors of LIME's coefficients of one image, by setting: bias and variance.

Used by `benchmarks/lime_speed.py`. No time is measured here. A picture is classified once and its
output is stored (per precision), so that seeds, settings and repeated runs share it.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fidelity.explainers.base import Context, Task
from fidelity.explainers.lime.designs import SAMPLES
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.lime.lime import Lime
from fidelity.explainers.lime.perturbed_outputs import Perturbed
from fidelity.explainers.lime.repeat_agreement import z_of
from fidelity.explainers.lime.sampling import design
from fidelity.explainers.lime.surrogate import fit, kernel_weights
from fidelity.explainers.superpixels import rgb_image
from fidelity.settings import explainers

PACKAGE = "package"


class Kept(Perturbed):
    """Pictures whose outputs are stored in files, one file per image and precision."""

    def __init__(
        self,
        context: Context,
        settings: dict[str, Any],
        task: Task,
        segments: np.ndarray,
        folder: Path,
    ) -> None:
        """Read the stored outputs of an image."""
        hidden = hidden_image(task.case.image, segments, explainers.Lime(**settings), 0)
        grey = rgb_image(task.case.image)[..., 0]
        super().__init__(context.classifier, grey, hidden, segments, context.batch)
        self.files = folder / task.case.case
        self.known: dict[str, dict[bytes, float]] = {}

    def classify(
        self, pictures: torch.Tensor, target: int, output: str, precision: str
    ) -> torch.Tensor:
        """Classify the pictures that have no stored output yet."""
        known = self.known.setdefault(precision, self._read(precision))
        bits = pictures.cpu().numpy()
        keys = [row.tobytes() for row in np.packbits(bits, axis=1)]
        new = [index for index, key in enumerate(keys) if key not in known]
        if new:
            values = super().classify(pictures[new], target, output, precision)
            known.update(zip((keys[index] for index in new), values.tolist(), strict=True))
        values = [known[key] for key in keys]
        return torch.tensor(values, dtype=torch.float64, device=pictures.device)

    def _read(self, precision: str) -> dict[bytes, float]:
        path = self.files / f"{precision}.npz"
        if not path.exists():
            return {}
        with np.load(path) as saved:
            rows = [row.tobytes() for row in saved["pictures"]]
            return dict(zip(rows, saved["outputs"].tolist(), strict=True))

    def save(self) -> None:
        """Write all outputs that are known so far."""
        self.files.mkdir(parents=True, exist_ok=True)
        for precision, known in self.known.items():
            rows = np.array([np.frombuffer(key, np.uint8) for key in known])
            outputs = np.array(list(known.values()))
            np.savez(self.files / f"{precision}.npz", pictures=rows, outputs=outputs)


def errors_of_image(
    pictures: Kept,
    task: Task,
    segments: np.ndarray,
    ways: dict[str, dict[str, Any]],
    seeds: int,
    exact_bits: int,
) -> dict[str, Any]:
    """Measure every way to explain one image.

    The reference is the limit of the package's sampling in float32. If at most `exact_bits`
    superpixels change the picture, it is computed from all their subsets. Else it is the regression
    over the package's samples of all its seeds together, and its own variance is subtracted from
    the errors of the others.

    Args:
        pictures: of the image.
        task: case and class.
        segments: its superpixels.
        ways: settings by name; one must be named `package`.
        seeds: used for each way.
        exact_bits: see above.

    Returns:
        Facts of the image. For each way, relative to the reference's size: `bias`, `variance` and
        `error` (squared; bias is null if the reference is the package's own), the mean number of
        pictures classified, and the coverage of the 95 % intervals (null without intervals).
    """
    exact = int(pictures.live.sum()) <= exact_bits
    found: dict[str, list[np.ndarray]] = {}
    extras: dict[str, list[dict[str, Any]]] = {}
    for name, settings in ways.items():
        lime = partial(Lime, explainers.Lime(**settings), pictures, task.target, segments)
        pairs = [lime([seed]).weigh() for seed in range(seeds)]
        found[name] = [weights for weights, _ in pairs]
        extras[name] = [extra for _, extra in pairs]
    reference, off = _reference(pictures, task, ways[PACKAGE], seeds, exact), 0.0
    size = float((reference**2).sum())
    if not exact:
        off = float(np.var(found[PACKAGE], axis=0, ddof=1).sum()) / seeds / size
    results = {}
    for name, weights in found.items():
        own = name == PACKAGE and not exact
        results[name] = _split(np.array(weights), reference, size, off, own) | {
            "pictures": float(np.mean([extra["images"] for extra in extras[name]])),
            "coverage": None if own else _coverage(weights, extras[name], reference),
        }
    return {
        "case": task.case.case,
        "superpixels": int(segments.max() + 1),
        "live": int(pictures.live.sum()),
        "seeds": seeds,
        "reference": "exact" if exact else f"{seeds * ways[PACKAGE]['samples']} samples",
        "reference_variance": off,
        "ways": results,
    }


def _reference(
    pictures: Kept, task: Task, settings: dict[str, Any], seeds: int, exact: bool
) -> np.ndarray:
    if exact:
        every = {
            **settings,
            "sampling": "interpolated",
            "samples": max(10, 2 ** int(pictures.live.sum())),
        }
        every["alpha"] = settings["alpha"] * SAMPLES / settings["samples"]
        segments = pictures.segments.cpu().numpy()
        return Lime(explainers.Lime(**every), pictures, task.target, segments, [0]).weigh()[0]
    count = len(pictures.live)
    rows = np.concatenate([design(PACKAGE, settings["samples"], count, s) for s in range(seeds)])
    bits = torch.from_numpy(rows).to(pictures.live.device)
    outputs, _ = pictures.outputs(bits, task.target, settings["output"], settings["precision"])
    alpha = settings["alpha"] * seeds
    weights = kernel_weights(bits.double(), settings["kernel_width"])
    return (
        fit(bits.double()[None], outputs[None], weights[None], alpha).coefficients[0].cpu().numpy()
    )


def _split(
    weights: np.ndarray, reference: np.ndarray, size: float, off: float, own: bool
) -> dict[str, float | None]:
    """Compute bias² (of the mean over seeds, minus what its variance adds) and variance."""
    variance = float(np.var(weights, axis=0, ddof=1).sum()) / size
    if own:
        return {"bias": None, "variance": variance, "error": variance}
    bias = float(((weights.mean(0) - reference) ** 2).sum()) / size - variance / len(weights) - off
    error = float(((weights - reference) ** 2).sum(1).mean()) / size - off
    return {"bias": bias, "variance": variance, "error": error}


def _coverage(
    weights: Sequence[np.ndarray], extras: Sequence[dict[str, Any]], reference: np.ndarray
) -> float | None:
    hits = []
    for found, extra in zip(weights, extras, strict=True):
        if "coefficient_errors" not in extra:
            return None
        half = z_of(0.95) * np.array(extra["coefficient_errors"])
        hits.append(np.abs(found - reference) <= half + 1e-9)
    return float(np.mean(hits))
