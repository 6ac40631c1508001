"""FROC: the share of lesions found against the false positives per image."""

from collections.abc import Iterator, Sequence

import numpy as np

from fidelity.metrics.boxes.lesions import Hit, hits
from fidelity.statistics.set_level import SetValue

# Scores processed together; a resample is finished once it exceeds the allowed false positives.
BLOCK = 512


class Froc:
    """All predicted boxes of a set, sorted by score.

    A box that finds no lesion is a false positive. The first box that finds a lesion counts as its
    detection; further boxes on the same lesion count as neither (object-CXR's froc.py, also in
    wsrpn). Boxes with equal scores are added together, because no order among them is better than
    another.
    """

    def __init__(
        self,
        predicted: Sequence[np.ndarray],
        scores: Sequence[np.ndarray],
        reference: Sequence[np.ndarray],
        hit: Hit = "centre",
    ) -> None:
        """Match the boxes.

        Args:
            predicted: of each image, boxes (k, 4).
            scores: of each image, (k,).
            reference: of each image, boxes (m, 4); empty where there is nothing to find.
        """
        self.lesions = np.array([len(boxes) for boxes in reference], np.float64)
        image, ranked, new, false = [], [], [], []
        for index, (boxes, of_boxes, lesions) in enumerate(
            zip(predicted, scores, reference, strict=True)
        ):
            order = np.argsort(-np.asarray(of_boxes), kind="stable")
            finds = hits(boxes[order], lesions, hit)
            first = np.cumsum(finds, axis=0).astype(bool)
            new.append(np.diff(first.sum(axis=1), prepend=0))
            false.append(~finds.any(axis=1))
            ranked.append(np.asarray(of_boxes, np.float64)[order])
            image.append(np.full(len(order), index))
        together = np.concatenate([*ranked, np.empty(0)])
        order = np.argsort(-together, kind="stable")
        self._image = np.concatenate([*image, np.empty(0, int)])[order]
        self._new = np.concatenate([*new, np.empty(0)])[order]
        self._false = np.concatenate([*false, np.empty(0, bool)])[order]
        sorted_scores = together[order]
        # The last box of each group of equal scores.
        self._ends = np.flatnonzero(np.diff(sorted_scores, append=-np.inf))

    def curve(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute false positives per image and sensitivity at each score, from the highest down.

        Args:
            weights: (r, n), how often each image counts.

        Returns:
            Two arrays (r, scores + 1), starting at (0, 0); sensitivity is NaN without lesions.
        """
        of_box = weights[:, self._image]
        points = []
        with np.errstate(invalid="ignore", divide="ignore"):
            for counts, total in (
                (self._false, weights.sum(axis=1)),
                (self._new, weights @ self.lesions),
            ):
                sums = np.cumsum(of_box * counts, axis=1)[:, self._ends]
                sums = np.concatenate([np.zeros((len(weights), 1)), sums], axis=1)
                points.append(sums / total[:, None])
        return points[0], points[1]

    def sensitivity(self, *rates: float) -> SetValue:
        """Sensitivity at n false positives per image, averaged over some rates; in [0, 1].

        For each rate n, this is the highest sensitivity at any score with at most n false positives
        per image.
        """

        def value(weights: np.ndarray) -> np.ndarray:
            images, lesions = weights.sum(axis=1), weights @ self.lesions
            # Counts are whole numbers; the small addition keeps rounding from deciding.
            allowed = (np.array(rates) + 1e-12) * images[:, None]
            best = np.zeros(allowed.shape)
            false, found = np.zeros((2, len(weights), 1))
            for boxes, last in self._blocks():
                of_box = weights[:, self._image[boxes]]
                sums = false + np.cumsum(of_box * self._false[boxes], axis=1)
                hits_so_far = found + np.cumsum(of_box * self._new[boxes], axis=1)
                false, found = sums[:, -1:], hits_so_far[:, -1:]
                # Sensitivity rises with false positives, so the last allowed point is the highest.
                for column in range(len(rates)):
                    points = (sums[:, last] <= allowed[:, column, None]).sum(axis=1)
                    some = points > 0
                    best[some, column] = hits_so_far[some, last[points[some] - 1]]
                if (false[:, 0] > allowed.max(axis=1)).all():
                    break
            with np.errstate(invalid="ignore", divide="ignore"):
                return (best / lesions[:, None]).mean(axis=1)

        return value

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the boxes block by block, and in each block the last box of each score."""
        for first in range(0, len(self._ends), BLOCK):
            ends = self._ends[first : first + BLOCK]
            start = self._ends[first - 1] + 1 if first else 0
            yield slice(start, ends[-1] + 1), ends - start
