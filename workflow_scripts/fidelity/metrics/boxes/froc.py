"""FROC: the share of lesions found against the false positives per image."""

from collections.abc import Sequence

import numpy as np

from fidelity.metrics.boxes.lesions import Hit, hits
from fidelity.statistics.set_level import SetValue

# Rates at which the sensitivities are averaged (LUNA16, object-CXR, wsrpn).
USUAL_RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


class Froc:
    """All predicted boxes of a set, sorted by score.

    A box that finds no lesion is a false positive. The first box that finds a lesion counts for it;
    a further one is neither (object-CXR's froc.py, also in wsrpn). Boxes of equal scores enter
    together: no order among them is better than another.
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
            reference: of each image, boxes (m, 4); none where there is nothing to be found.
            hit: when a box finds a lesion; see `lesions.hits`.
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
        """Give false positives per image and sensitivity, at each score from the highest on.

        Args:
            weights: (r, n), how often each image counts.

        Returns:
            Two arrays (r, scores + 1), from (0, 0) on; NaN sensitivity where there is no lesion.
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

        The highest sensitivity of all scores with at most n false positives per image.
        """

        def value(weights: np.ndarray) -> np.ndarray:
            out = np.empty(len(weights))
            # A few rows at a time: a row has a number per box.
            step = max(1, 4_000_000 // max(1, len(self._image)))
            for start in range(0, len(weights), step):
                false, found = self.curve(weights[start : start + step])
                # Sensitivity rises with false positives: the last allowed point is the highest.
                # A sum of whole numbers over one: its rounding must not decide.
                last = [np.count_nonzero(false <= rate + 1e-12, axis=1) - 1 for rate in rates]
                rows = np.arange(len(found))
                out[start : start + step] = np.mean([found[rows, at] for at in last], axis=0)
            return out

        return value
