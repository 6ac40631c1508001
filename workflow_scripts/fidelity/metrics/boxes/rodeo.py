"""RoDeO, Robust Detection Outcome (Meissen, Müller et al. 2023; package rodeometric 0.0.1).

Boxes of all classes of an image are matched one to one. For matched pairs it measures how far the
centres are apart, how similar the shapes are, and whether the classes agree. Boxes and lesions
without a partner count as 0. The total is the harmonic mean of the three parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy

from fidelity.metrics.boxes.geometry import areas, centres, generalized_iou
from fidelity.statistics.set_level import SetValue, of_sums

Part = Literal["total", "localization", "shape_matching", "classification"]
PARTS: tuple[Part, ...] = ("total", "localization", "shape_matching", "classification")
# The package's epsilon in the harmonic mean.
EPSILON = 1e-6


@dataclass(frozen=True)
class Labelled:
    """Boxes of one image, of all classes.

    Attributes:
        boxes: (k, 4).
        classes: (k,) positions of the classes, starting at 0.
    """

    boxes: np.ndarray
    classes: np.ndarray


class Rodeo:
    """The matches of a set of images.

    In the matching, classes are weighted by how well the classes per image agree over all images,
    as in the package. Resamples keep the matches of the whole set.
    """

    def __init__(
        self, predicted: Sequence[Labelled], reference: Sequence[Labelled], classes: int
    ) -> None:
        """Match the boxes of each image.

        Args:
            classes: number of classes; classification is undefined with one.

        Raises:
            ValueError: the numbers of images differ, or a box has no area.
        """
        self.classes = classes
        for image in (*predicted, *reference):
            if (areas(image.boxes) <= 0).any():
                raise ValueError("a box has no area")
        weight = _agreement(predicted, reference, classes)
        # Per image and class: matched pairs, sums of localization and shape, pairs of equal class,
        # and boxes without a partner. A pair has the class of its reference.
        self.sums = np.zeros((len(reference), classes, 5))
        for index, (ours, theirs) in enumerate(zip(predicted, reference, strict=True)):
            self._match(self.sums[index], ours, theirs, weight)

    def _match(self, sums: np.ndarray, ours: Labelled, theirs: Labelled, weight: float) -> None:
        same = ours.classes[:, None] == theirs.classes[None, :]
        cost = -generalized_iou(ours.boxes, theirs.boxes) - weight * same
        first, second = scipy.optimize.linear_sum_assignment(cost)
        a, b = ours.boxes[first], theirs.boxes[second]
        sides, other = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
        away = (((centres(a) - centres(b)) / other) ** 2).sum(axis=1)
        shared = np.minimum(sides, other).prod(axis=1)
        shape = shared / (areas(a) + areas(b) - shared)
        values = np.stack([np.ones(len(a)), np.exp2(-away), shape, same[first, second]], axis=1)
        np.add.at(sums[:, :4], theirs.classes[second], values)
        for image, taken in ((ours, first), (theirs, second)):
            np.add.at(sums[:, 4], np.delete(image.classes, taken), 1)

    def part(self, part: Part, cls: int | None = None) -> SetValue:
        """Return a part of the score.

        Args:
            part: `total`, `localization`, `shape_matching` or `classification`.
            cls: position of a class; None for all together.

        Returns:
            Function of how often each image counts; in [0, 1]. It is 0 if there are boxes but none
            is matched, and NaN if there is no box. With a single class, classification and total
            are NaN.
        """
        chosen = self.sums.sum(axis=1) if cls is None else self.sums[:, cls]

        def formula(sums: np.ndarray) -> np.ndarray:
            pairs, near, alike, same, alone = sums.T
            with np.errstate(invalid="ignore", divide="ignore"):
                boxes = pairs + alone
                # Matthews' correlation of the one-hot classes, in closed form, clipped at 0.
                agreed = (self.classes * same / pairs - 1) / (self.classes - 1)
                found = {
                    "localization": near / boxes,
                    "shape_matching": alike / boxes,
                    "classification": np.where(
                        (pairs == 0) & (self.classes > 1), 0, np.clip(agreed, 0, None) * pairs
                    )
                    / boxes,
                }
                inverse = sum(1 / (value + EPSILON) for value in found.values())
                # Where nothing is matched, the package gives 0, not its epsilon.
                found["total"] = np.where(
                    (pairs == 0) & (boxes > 0) & (self.classes > 1), 0, 3 / inverse
                )
            return found[part]

        return of_sums(chosen, formula)


def _agreement(predicted: Sequence[Labelled], reference: Sequence[Labelled], classes: int) -> float:
    """Compute Matthews' correlation of predicted and reference classes over images; at least 0."""
    ours, theirs = (np.zeros((len(images), classes), bool) for images in (predicted, reference))
    for shown, images in ((ours, predicted), (theirs, reference)):
        for row, image in zip(shown, images, strict=True):
            row[image.classes] = True
    if min(ours.std(), theirs.std()) == 0:
        return 0.0
    return max(0.0, float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]))
