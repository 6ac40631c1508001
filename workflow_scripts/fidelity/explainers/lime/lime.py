"""LIME for images (Ribeiro, Singh & Guestrin 2016), in batches on the classifier's device.

With `sampling: package`, it gives the coefficients of the package `lime` for the same superpixels
and seed. `interpolated` estimates their limit for an infinite number of samples, from fewer images.
Segmentation and seeds are given by the caller: the package's own seed does not reach scikit-image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.lime.designs import PAIRED, SAMPLES
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.lime.interpolated import interpolate
from fidelity.explainers.lime.perturbed_outputs import Perturbed
from fidelity.explainers.lime.repeat_agreement import separated, stability, z_of
from fidelity.explainers.lime.sampling import all_subsets, design
from fidelity.explainers.lime.surrogate import Surrogate, fit, kernel_weights, stack
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings import explainers as entries

LEVEL = 0.95
# A map's record is an HDF5 attribute, which holds at most 64 KiB.
MOST_ERRORS_KEPT = 4000


@dataclass(frozen=True)
class _Drawn:
    """The rows that were used, their outputs, and the number of different images classified."""

    rows: torch.Tensor
    outputs: torch.Tensor
    images: int


def make(context: Context, settings: entries.Lime) -> Explain:
    """Set up LIME.

    Args:
        settings: samples, kernel_width, hide (see `hidden_fill`), alpha (ridge), output
            ("probability" or "logit"), precision (of the forward passes), superpixels, and:
            sampling (see `sampling.design`), repeats (seeds to explain with; the map is the
            first one's), stability_top (superpixels in the masks that repeats are compared by),
            adaptive (None, or budget, batch, level, top and error).

    Returns:
        A function from tasks to maps of kind `superpixels`: one signed ridge coefficient per
        superpixel. Extras: surrogate_r2 (weighted, of the local fit), intercept, superpixels (their
        number), samples (used), images (different ones, classified); coefficient_half_width (of the
        95 % interval, mean over superpixels), coefficient_errors (standard errors). With repeats
        also stability_iou and stability_rank.
    """

    @one_by_one
    def explain(task: Task) -> Explanation:
        seeds = [context.seed_of(task, repeat) for repeat in range(settings.repeats)]
        image = rgb_image(task.case.image)
        segments = segment(image, settings.superpixels, seeds[0], task.case.lung)
        weights, extras = Lime.of_task(context, settings, task, segments, seeds).weigh()
        return Explanation(SaliencyMap("superpixels", weights, segments), extras)

    return explain


@dataclass(frozen=True)
class Lime:
    """LIME of one image and one class, with given superpixels.

    Attributes:
        settings: as in `make`; superpixels, hide and repeats are not read.
        pictures: the image's perturbed pictures, ready to be classified.
        target: index of the explained class.
        segments: labels 0 … k-1 (H, W).
        seeds: the map comes from the first seed; the explanations by the others are compared with
            it.
    """

    settings: entries.Lime
    pictures: Perturbed
    target: int
    segments: np.ndarray
    seeds: Sequence[int]

    @classmethod
    def of_task(
        cls,
        context: Context,
        settings: entries.Lime,
        task: Task,
        segments: np.ndarray,
        seeds: Sequence[int],
    ) -> "Lime":
        """Prepare the pictures of a task, with its superpixels hidden as set in `settings.hide`."""
        hidden = hidden_image(task.case.image, segments, settings, seeds[0])
        grey = rgb_image(task.case.image)[..., 0]
        pictures = Perturbed(context.classifier, grey, hidden, segments, context.batch)
        return cls(settings, pictures, task.target, segments, seeds)

    def weigh(self) -> tuple[np.ndarray, dict[str, Any]]:
        """Compute the superpixels' weights, float64 (k,), and the extras that `make` lists."""
        first = self._draw_enough(self.seeds[0])
        samples = len(first.rows)
        if self._takes_all(self._most_at_first):
            others = [first] * (len(self.seeds) - 1)  # all subsets are used: nothing is random
        else:
            others = [self._draw(seed, samples) for seed in self.seeds[1:]]
        drawn = [first, *others]
        fitted = self._fit(
            torch.stack([d.rows for d in drawn]),
            torch.stack([d.outputs for d in drawn]),
            self.seeds,
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
            extras |= stability(weights, self.segments, self.settings.stability_top)
        return weights[0], extras

    @property
    def _most_at_first(self) -> int:
        """Number of samples before the first check of the fit."""
        adaptive = self.settings.adaptive
        return adaptive.batch if adaptive else self.settings.samples

    def _draw_enough(self, seed: int) -> _Drawn:
        """Draw as many samples as set, or (adaptive) until the fit is precise enough."""
        adaptive = self.settings.adaptive
        if not adaptive:
            return self._draw(seed, self.settings.samples)
        rows = self._rows(seed, adaptive.budget, adaptive.batch)
        parts: list[torch.Tensor] = []
        images = end = 0
        while end < len(rows):
            start, end = end, min(end + adaptive.batch, len(rows))
            values, new = self._outputs(rows[start:end])
            parts.append(values)
            images += new
            if self._suffices(self._fit(rows[None, :end], torch.cat(parts)[None], [seed])):
                break
        return _Drawn(rows[:end], torch.cat(parts), images)

    def _suffices(self, fitted: Surrogate) -> bool:
        """Check whether a fit is as precise as required; without standard errors, it is not."""
        adaptive = self.settings.adaptive
        weights, errors = fitted.coefficients[0].cpu().numpy(), fitted.errors[0].cpu().numpy()
        if adaptive.error is not None:
            return bool(np.linalg.norm(errors) <= adaptive.error * np.linalg.norm(weights))
        return separated(weights, z_of(adaptive.level) * errors, adaptive.top)

    def _draw(self, seed: int, samples: int) -> _Drawn:
        rows = self._rows(seed, samples, samples)
        return _Drawn(rows, *self._outputs(rows))

    def _rows(self, seed: int, samples: int, all_up_to: int) -> torch.Tensor:
        """Draw the rows, or list all subsets."""
        live = self.pictures.live.cpu().numpy()
        if self._takes_all(all_up_to):
            rows = all_subsets(live)
        else:
            rows = design(self.settings.sampling, samples, len(live), seed)
        return torch.from_numpy(rows).to(self.pictures.live.device)

    def _takes_all(self, most: int) -> bool:
        """Check whether to use all subsets: `interpolated` does if there are at most `most`."""
        subsets = 2 ** int(self.pictures.live.sum())
        return self.settings.sampling == "interpolated" and subsets <= most

    def _outputs(self, rows: torch.Tensor) -> tuple[torch.Tensor, int]:
        how = self.settings.output, self.settings.precision
        return self.pictures.outputs(rows, self.target, *how)

    def _fit(self, rows: torch.Tensor, outputs: torch.Tensor, seeds: Sequence[int]) -> Surrogate:
        """Fit the surrogates of several draws: rows (b, n, k), outputs (b, n), b seeds."""
        sampling, alpha = self.settings.sampling, float(self.settings.alpha)
        bits = rows.double()
        if sampling == "interpolated":
            live, per_sample = self.pictures.live, alpha / SAMPLES
            return stack(
                [
                    interpolate(part, values, live, self.settings, per_sample, seed)
                    for part, values, seed in zip(bits, outputs, seeds, strict=True)
                ]
            )
        if sampling != "package":  # α is set for the package's number of samples
            alpha *= rows.shape[1] / SAMPLES
        weights = kernel_weights(bits, self.settings.kernel_width)
        return fit(bits, outputs, weights, alpha, 2 if sampling in PAIRED else 1)
