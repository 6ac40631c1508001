"""The faithfulness of one map: remove pixels from the image and classify the results."""

import math
from collections.abc import Callable, Iterable, Sequence
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

Probabilities = Callable[[np.ndarray, int | np.ndarray], np.ndarray]
"""Probability (n,) of a class, of grey images float32 (n, H, W) in [0, 1].

The class is an index, the same for all images or one for each.
"""


@dataclass(frozen=True)
class Options:
    """The settings of the faithfulness metrics; ROAD's shares of removed pixels are in (0, 1)."""

    metrics: Sequence[str]
    steps: int
    fill: Fill
    road_shares: Sequence[float]


@dataclass(frozen=True)
class Removals:
    """The changed images of one map.

    Attributes:
        images: float32 (n, H, W) in [0, 1]; the first is the image itself.
        places: measurement → indices of the images it uses, in order.
        counts: pixels removed at each point of the curves.
        pixels: number of pixels of the image.
        ranked: whether the map ranks pixels, that is, whether it is not constant.
    """

    images: np.ndarray
    places: dict[str, list[int]]
    counts: np.ndarray
    pixels: int
    ranked: bool

    def scores(self, answers: np.ndarray) -> dict[str, float]:
        """Compute the scores of the map from the explained class's probability (n,) for each image.

        Deletion: pixels are removed from the image, the most relevant first. The score is the area
        under the probability of the target class against the share of removed pixels. Insertion:
        the same for pixels that are put into the filled image. Both use the trapezoidal rule over
        `steps` + 1 equally spaced shares.

        ROAD: the probability after removing the least relevant share, minus that after removing the
        most relevant share. The difference is halved and averaged over the shares.
        Comprehensiveness: p(image) - p(image without the mask). Sufficiency: p(image) - p(mask
        alone).

        Returns:
            {metric: value}, in the order of `Options.metrics`, and `probability` of the image
            itself. A constant map ranks no pixels, so its rank-based metrics are nan. Deletion and
            insertion AUC are in [0, 1], ROAD in [-.5, .5], the others in [-1, 1].
        """
        answers = answers.astype(np.float64)
        whole = float(answers[0])
        found = {"probability": whole}
        for name, places in self.places.items():
            answer = answers[places]
            if not self.ranked and not METRICS[name].needs_mask:
                found[name] = math.nan
            elif name in ("deletion_auc", "insertion_auc"):
                found[name] = float(np.trapezoid(answer, self.counts / self.pixels))
            elif name == "road":
                least, most = answer.reshape(-1, 2).T
                found[name] = float(np.mean(least - most) / 2)
            else:
                found[name] = whole - float(answer[0])
        return found


def removals(
    image: np.ndarray, values: np.ndarray, mask: np.ndarray | None, options: Options, seed: int
) -> Removals:
    """Make the changed images of one map.

    Each curve has the image itself at one end and the filled image at the other. These two images
    are made only once.

    Args:
        image: grey (H, W) in [0, 1], as the classifier sees it.
        values: signed attributions (H, W).
        mask: the binarized map (H, W); None if no metric needs it.
        seed: seed of ROAD's noise.
    """
    order, other = ranked_pixels(values), background(image, options.fill)
    image = image.astype(np.float32)
    images, places = [image], {}
    counts = np.round(np.linspace(0, order.size, options.steps + 1)).astype(int)

    def add(made: Iterable[np.ndarray]) -> list[int]:
        first = len(images)
        images.extend(made)
        return list(range(first, len(images)))

    curves = {"deletion_auc": (image, other), "insertion_auc": (other, image)}
    if not curves.keys().isdisjoint(options.metrics):
        (filled,) = add([other])
        ends = {"deletion_auc": (0, filled), "insertion_auc": (filled, 0)}
    for name in options.metrics:
        if name in curves:
            start, end = ends[name]
            between = add(replaced(*curves[name], order[:count]) for count in counts[1:-1])
            places[name] = [start, *between, end]
        elif name == "road":
            removed = [round(share * order.size) for share in options.road_shares]
            places[name] = add(
                imputed(image, pixels, seed, ROAD_NOISE)
                for count in removed
                for pixels in (order[order.size - count :], order[:count])
            )
        elif name == "comprehensiveness":
            places[name] = add([replaced(image, other, mask)])
        elif name == "sufficiency":
            places[name] = add([replaced(other, image, mask)])
    ranked = bool(values.max() > values.min())
    return Removals(np.stack(images), places, counts, order.size, ranked)
