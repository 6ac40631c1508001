"""RISE: randomized input sampling for explanation (Petsiuk, Das & Saenko 2018)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from fidelity.explainers.base import Context, Explain, Explanation
from fidelity.explainers.perturbation.forward import chunks, classify, per_case
from fidelity.explainers.perturbation.hiding import unit_image
from fidelity.explainers.perturbation.rise_masks import Masks, draw
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import Rise

if TYPE_CHECKING:
    from fidelity.datasets.prepared import PreparedCase

# Relative rounding error of a sum of float32 products.
ROUNDING = 1e-6


def make(context: Context, settings: Rise) -> Explain:
    """Set up RISE.

    The map is the mean output over random masks, weighted by how much of a pixel each mask shows
    (equation 6 of the paper). The paper hides with black. Its authors' code multiplies the
    normalised network input by the mask, which hides with the mean of the normalisation. `fill`
    chooses between the two.

    Returns:
        A function from tasks to maps of kind `dense`, in the unit of the output. Extras:
        forward_passes (images classified for this case, all its classes together, without padding).
    """

    def explain(case: "PreparedCase", seed: int, targets: Sequence[int]) -> list[Explanation]:
        device = context.classifier.device
        image = torch.from_numpy(unit_image(case.image)).to(device)
        cells, probability = settings.cells, settings.probability
        masks = draw(settings.samples, cells, probability, case.image.shape, seed, device)
        totals, coverage = weighted_sums(context, settings, image, masks, targets)
        if settings.normalise == "coverage":
            # A pixel that no mask shows also has a total of 0.
            maps = totals / np.maximum(coverage, np.finfo(float).tiny)
            maps = [without_rounding(values, coverage > 0) for values in maps]
        else:
            maps = totals / (len(masks) * probability)
        extras = {"forward_passes": len(masks)}
        return [Explanation(SaliencyMap("dense", values), extras) for values in maps]

    return per_case(context, explain)


def without_rounding(values: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Make a map flat if its values differ only by rounding, as those of a constant output do.

    Scaling by minimum and maximum would turn these differences into a map.

    Args:
        values: float64 (H, W).
        shown: bool (H, W), the pixels that a mask shows.
    """
    level = values[shown].mean() if shown.any() else 0.0
    flat = np.allclose(values[shown], level, rtol=ROUNDING, atol=0)
    return np.where(shown, level, values) if flat else values


def weighted_sums(
    context: Context,
    settings: Rise,
    image: torch.Tensor,
    masks: Masks,
    targets: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Sum the masks, weighted by the output for the image seen through them, and unweighted.

    Args:
        image: float32 (H, W) in [0, 1], on the classifier's device.

    Returns:
        (float64 (targets, H, W), float64 (H, W)).
    """
    totals = torch.zeros(len(targets), *masks.size, dtype=torch.float64, device=image.device)
    coverage = torch.zeros(masks.size, dtype=torch.float64, device=image.device)
    for run in chunks(len(masks), context.batch):
        shown = masks.make(run)
        seen = settings.fill + shown * (image - settings.fill)
        outputs = classify(context, seen, settings).float()
        flat = shown.flatten(1)
        for total, target in zip(totals, targets, strict=True):  # together they round differently
            total += (outputs[:, target] @ flat).view_as(total)
        coverage += shown.sum(0)
    return totals.cpu().numpy(), coverage.cpu().numpy()
