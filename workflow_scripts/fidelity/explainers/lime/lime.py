"""LIME for images (Ribeiro, Singh & Guestrin 2016), in batches on the classifier's device.

With `sampling: package` it gives the coefficients of the package `lime` for the same superpixels
and seed; `interpolated` estimates what these come to for ever more samples, from fewer images.
Segmentation and seeds come from outside: the package's own seed does not reach scikit-image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fidelity.explainers.base import Context, Explain, Explanation, Task
from fidelity.explainers.lime.designs import PAIRED, SAMPLES
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.lime.interpolated import interpolate
from fidelity.explainers.lime.perturbed_outputs import Perturbed
from fidelity.explainers.lime.repeat_agreement import separated, stability, z_of
from fidelity.explainers.lime.sampling import all_subsets, design
from fidelity.explainers.lime.surrogate import Surrogate, fit, kernel_weights, stack
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.maps.saliency_map import SaliencyMap

LEVEL = 0.95
# A map's record is an HDF5 attribute, which holds 64 KiB.
MOST_ERRORS_KEPT = 4000


@dataclass(frozen=True)
class _Drawn:
    """The rows that were used, their outputs, and how many different images that took."""

    rows: torch.Tensor
    outputs: torch.Tensor
    images: int


def make(context: Context, settings: dict[str, Any]) -> Explain:
    """Set LIME up.

    Args:
        context: classifier, batch size and seed.
        settings: samples, kernel_width, hide (see `lime_hide`), alpha (ridge), output
            ("probability" or "logit"), precision (of the forward passes), superpixels, and:
            sampling (see `lime_sampling.design`), repeats (seeds to explain with; the map is the
            first one's), stability_top (superpixels in the masks that repeats are compared by),
            adaptive (None, or budget, batch, level and top).

    Returns:
        A function from tasks to maps of kind `superpixels`: one signed ridge coefficient per
        superpixel. Extras: surrogate_r2 (weighted, of the local fit), intercept, superpixels
        (their number), samples (used), images (different ones, classified),
        coefficient_half_width (of the 95 % interval, mean over superpixels),
        coefficient_errors (standard errors), and with repeats stability_iou and stability_rank.
    """

    def explain(tasks: Sequence[Task]) -> list[Explanation]:
        return [_explain_one(context, settings, task) for task in tasks]

    return explain


def _explain_one(context: Context, settings: dict[str, Any], task: Task) -> Explanation:
    seeds = [context.seed_of(task, repeat) for repeat in range(settings["repeats"])]
    image = rgb_image(task.case.image)
    segments = segment(image, settings["superpixels"], seeds[0], task.case.lung)
    weights, extras = explain_superpixels(context, settings, task, segments, seeds)
    return Explanation(SaliencyMap("superpixels", weights, segments), extras)


def explain_superpixels(
    context: Context,
    settings: dict[str, Any],
    task: Task,
    segments: np.ndarray,
    seeds: Sequence[int],
) -> tuple[np.ndarray, dict[str, Any]]:
    """Weigh given superpixels.

    Args:
        context: classifier and batch size.
        settings: as in `make`; superpixels and repeats are not read.
        task: case and explained class.
        segments: labels 0 … k-1 (H, W).
        seeds: the first one's explanation is given, the others are compared with it.

    Returns:
        float64 (k,), and the extras that `make` names.
    """
    hidden = hidden_image(task.case.image, segments, settings, seeds[0])
    grey = rgb_image(task.case.image)[..., 0]
    pictures = Perturbed(context.classifier, grey, hidden, segments, context.batch)
    return explain_pictures(pictures, settings, task, segments, seeds)


def explain_pictures(
    pictures: Perturbed,
    settings: dict[str, Any],
    task: Task,
    segments: np.ndarray,
    seeds: Sequence[int],
) -> tuple[np.ndarray, dict[str, Any]]:
    """Weigh the superpixels of an image whose perturbed pictures are ready to be classified.

    Args:
        pictures: answer rows of bits.
        settings: as in `make`; superpixels, hide and repeats are not read.
        task: case and explained class.
        segments: labels 0 … k-1 (H, W).
        seeds: as of `explain_superpixels`.

    Returns:
        As `explain_superpixels`.
    """
    first = _draw(pictures, settings, task, seeds[0])
    samples = len(first.rows)
    adaptive = settings["adaptive"]
    if _takes_all(pictures, settings, adaptive["batch"] if adaptive else settings["samples"]):
        others = [first] * (len(seeds) - 1)  # nothing is drawn
    else:
        others = [_draw_plain(pictures, settings, task, seed, samples) for seed in seeds[1:]]
    drawn = [first, *others]
    fitted = _fit(
        pictures,
        torch.stack([d.rows for d in drawn]),
        torch.stack([d.outputs for d in drawn]),
        settings,
        seeds,
    )
    weights = fitted.coefficients.cpu().numpy()
    errors = fitted.errors[0].cpu().numpy()
    extras: dict[str, Any] = {
        "surrogate_r2": float(fitted.r2[0]),
        "intercept": float(fitted.intercept[0]),
        "superpixels": len(errors),
        "samples": samples,
        "images": first.images,
    }
    if np.isfinite(errors).all():
        extras["coefficient_half_width"] = float(z_of(LEVEL) * errors.mean())
        if len(errors) <= MOST_ERRORS_KEPT:
            extras["coefficient_errors"] = [float(f"{error:.4g}") for error in errors]
    if len(drawn) > 1:
        extras |= stability(weights, segments, settings["stability_top"])
    return weights[0], extras


def _draw(pictures: Perturbed, settings: dict[str, Any], task: Task, seed: int) -> _Drawn:
    """Draw as many samples as the settings say, or as it takes to tell the top from the rest."""
    adaptive = settings["adaptive"]
    if not adaptive:
        return _draw_plain(pictures, settings, task, seed, settings["samples"])
    rows = _rows(pictures, settings, seed, adaptive["budget"], adaptive["batch"])
    parts: list[torch.Tensor] = []
    images = 0
    end = 0
    while end < len(rows):
        start, end = end, min(end + adaptive["batch"], len(rows))
        values, new = _outputs(pictures, rows[start:end], settings, task)
        parts.append(values)
        images += new
        fitted = _fit(pictures, rows[None, :end], torch.cat(parts)[None], settings, [seed])
        half = z_of(adaptive["level"]) * fitted.errors[0].cpu().numpy()
        if separated(fitted.coefficients[0].cpu().numpy(), half, adaptive["top"]):
            break
    return _Drawn(rows[:end], torch.cat(parts), images)


def _draw_plain(
    pictures: Perturbed, settings: dict[str, Any], task: Task, seed: int, samples: int
) -> _Drawn:
    rows = _rows(pictures, settings, seed, samples, samples)
    return _Drawn(rows, *_outputs(pictures, rows, settings, task))


def _rows(
    pictures: Perturbed, settings: dict[str, Any], seed: int, samples: int, all_up_to: int
) -> torch.Tensor:
    """Draw the rows, or list all subsets."""
    live = pictures.live.cpu().numpy()
    if _takes_all(pictures, settings, all_up_to):
        rows = all_subsets(live)
    else:
        rows = design(settings["sampling"], samples, len(live), seed)
    return torch.from_numpy(rows).to(pictures.live.device)


def _takes_all(pictures: Perturbed, settings: dict[str, Any], all_up_to: int) -> bool:
    """Whether the rows are all subsets, which `interpolated` takes if they are no more than so."""
    return settings["sampling"] == "interpolated" and 2 ** int(pictures.live.sum()) <= all_up_to


def _outputs(
    pictures: Perturbed, rows: torch.Tensor, settings: dict[str, Any], task: Task
) -> tuple[torch.Tensor, int]:
    return pictures.outputs(rows, task.target, settings["output"], settings["precision"])


def _fit(
    pictures: Perturbed,
    rows: torch.Tensor,
    outputs: torch.Tensor,
    settings: dict[str, Any],
    seeds: Sequence[int],
) -> Surrogate:
    sampling, alpha = settings["sampling"], float(settings["alpha"])
    bits = rows.double()
    if sampling == "interpolated":
        per_sample = alpha / SAMPLES
        return stack(
            [
                interpolate(part, values, pictures.live, settings, per_sample, seed)
                for part, values, seed in zip(bits, outputs, seeds, strict=True)
            ]
        )
    if sampling != "package":  # α is meant for the package's number of samples
        alpha *= rows.shape[1] / SAMPLES
    weights = kernel_weights(bits, settings["kernel_width"])
    return fit(bits, outputs, weights, alpha, 2 if sampling in PAIRED else 1)
