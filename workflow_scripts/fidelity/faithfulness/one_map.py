"""The faithfulness of one map: images with pixels removed, and what the classifier says of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fidelity.faithfulness.registry import METRICS
from fidelity.faithfulness.removal import (
    ROAD_NOISE,
    Fill,
    background,
    imputed,
    ranked_pixels,
    replaced,
)

Probabilities = Callable[[np.ndarray, int], np.ndarray]
"""Probability (n,) of the class with an index, of grey images float32 (n, H, W) in [0, 1]."""


@dataclass(frozen=True)
class Options:
    """How faithfulness is measured.

    Attributes:
        road_shares: shares of the pixels that ROAD removes, in (0, 1).
    """

    metrics: Sequence[str]
    steps: int
    fill: Fill
    road_shares: Sequence[float]


def measure(
    image: np.ndarray,
    values: np.ndarray,
    mask: np.ndarray | None,
    target: int,
    probabilities: Probabilities,
    options: Options,
    seed: int,
) -> dict[str, float]:
    """Measure one map.

    Deletion: the area under the probability of the target class against the share of pixels removed
    from the image, most relevant first. Insertion: the same for pixels put into the filled image.
    Both use the trapezoidal rule over `steps` + 1 equally spaced shares. ROAD: the probability
    after removing the least relevant share minus that after removing the most relevant one, halved
    and averaged over the shares. Comprehensiveness: p(image) - p(image without the mask);
    sufficiency: p(image) - p(mask alone).

    Args:
        image: grey (H, W) in [0, 1], as the classifier sees it.
        values: signed attributions (H, W).
        mask: the binarized map (H, W); None where no metric needs it.

    Returns:
        {metric: value}, in the order of `options.metrics`, and `probability` of the image itself. A
        map that is the same everywhere ranks no pixel: nan for the metrics that go by rank.
        Deletion and insertion AUC lie in [0, 1], ROAD in [-.5, .5], the others in [-1, 1].
    """
    order, other = ranked_pixels(values), background(image, options.fill)
    image = image.astype(np.float32)
    batches: dict[str, list[np.ndarray]] = {"itself": [image]}
    counts = np.round(np.linspace(0, order.size, options.steps + 1)).astype(int)
    if "deletion_auc" in options.metrics:
        batches["deletion_auc"] = [replaced(image, other, order[:count]) for count in counts]
    if "insertion_auc" in options.metrics:
        batches["insertion_auc"] = [replaced(other, image, order[:count]) for count in counts]
    if "road" in options.metrics:
        removed = [round(share * order.size) for share in options.road_shares]
        batches["road"] = [
            imputed(image, pixels, seed, ROAD_NOISE)
            for count in removed
            for pixels in (order[order.size - count :], order[:count])
        ]
    if "comprehensiveness" in options.metrics:
        batches["comprehensiveness"] = [replaced(image, other, mask)]
    if "sufficiency" in options.metrics:
        batches["sufficiency"] = [replaced(other, image, mask)]
    answers = probabilities(np.stack([one for part in batches.values() for one in part]), target)
    cuts = np.cumsum([len(part) for part in batches.values()])[:-1]
    said = dict(zip(batches, np.split(answers.astype(np.float64), cuts), strict=True))
    whole = float(said["itself"][0])
    found = {"probability": whole}
    ranked = bool(values.max() > values.min())
    for name in options.metrics:
        answer = said[name]
        if not ranked and not METRICS[name].needs_mask:
            found[name] = math.nan
        elif name in ("deletion_auc", "insertion_auc"):
            found[name] = float(np.trapezoid(answer, counts / order.size))
        elif name == "road":
            least, most = answer.reshape(-1, 2).T
            found[name] = float(np.mean(least - most) / 2)
        else:
            found[name] = whole - float(answer[0])
    return found
