"""Time the threshold sweep of a study, and the same work done mask by mask.

    python benchmarks/threshold_sweep.py --cases 583    # 583 cases × 12 explainers × 101 thresholds

All maps are rendered to 256 × 256 pixels and scored at all thresholds by this project, and every
n-th map also by the other implementations; scores must be equal.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from comparison import Row, show, timed
from sklearn.metrics import f1_score, jaccard_score

from fidelity.maps.saliency_map import SaliencyMap, render
from fidelity.metrics.conventions import PROTOCOLS
from fidelity.metrics.curves import overlap_curves

SIZE, WORKING = (256, 256), 224
THRESHOLDS = np.linspace(0, 1, 101)
POLICY = PROTOCOLS["default"].empty
Curves = tuple[np.ndarray, np.ndarray]


def reference_mask(rng: np.random.Generator) -> np.ndarray:
    """Draw a few ellipses, similar to infections in a lung."""
    canvas = np.zeros(SIZE, np.uint8)
    for _ in range(rng.integers(1, 5)):
        centre = [int(value) for value in rng.integers(60, 196, 2)]
        axes = [int(value) for value in rng.integers(8, 45, 2)]
        cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return canvas.astype(bool)


def superpixel_labels(rng: np.random.Generator, number: int) -> np.ndarray:
    """Split the working image into the cells of random points."""
    seeds = np.ones((WORKING, WORKING), np.uint8)
    seeds[rng.integers(0, WORKING, number), rng.integers(0, WORKING, number)] = 0
    _, labels = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def maps_of_a_case(rng: np.random.Generator) -> Iterator[SaliencyMap]:
    """Draw twelve maps in the forms that explainers produce."""
    for side in (7, 7, 14, 28):
        yield SaliencyMap("grid", rng.normal(size=(side, side)).astype(np.float32))
    for number in (40, 80, 150):
        labels = superpixel_labels(rng, number)
        yield SaliencyMap("superpixels", rng.normal(size=labels.max() + 1), labels)
    for sigma in (0, 0, 2, 8):
        values = rng.normal(size=(WORKING, WORKING)).astype(np.float32)
        yield SaliencyMap("dense", cv2.GaussianBlur(values, (0, 0), sigma) if sigma else values)
    yield SaliencyMap("binary", (rng.random((WORKING, WORKING)) < 0.3).astype(np.uint8))


def one_sort(map01: np.ndarray, reference: np.ndarray) -> Curves:
    """Score as this project does."""
    curves = overlap_curves(map01, reference, THRESHOLDS, POLICY)
    return curves["iou"], curves["dice"]


def by_numpy(map01: np.ndarray, reference: np.ndarray) -> Curves:
    """Score mask by mask with NumPy, as an evaluation script would."""
    iou, dice = np.empty(THRESHOLDS.size), np.empty(THRESHOLDS.size)
    for index, threshold in enumerate(THRESHOLDS.astype(np.float32)):
        mask = map01 > threshold
        both = np.logical_and(mask, reference).sum()
        iou[index] = both / np.logical_or(mask, reference).sum()
        dice[index] = 2 * both / (mask.sum() + reference.sum())
    return iou, dice


def by_sklearn(map01: np.ndarray, reference: np.ndarray) -> Curves:
    """Score mask by mask with scikit-learn."""
    truth = reference.ravel()
    masks = [(map01 > threshold).ravel() for threshold in THRESHOLDS.astype(np.float32)]
    return (
        np.array([jaccard_score(truth, mask) for mask in masks]),
        np.array([f1_score(truth, mask) for mask in masks]),
    )


def scored(score: Callable[..., Curves], saliency: SaliencyMap, reference: np.ndarray) -> Curves:
    """Render and score one map."""
    return score(render(saliency, (0, 0, *SIZE), SIZE), reference)


def rows(cases: int = 5) -> Iterator[Row]:
    """Sweep all maps of some cases; time the other implementations on every n-th map."""
    rng = np.random.default_rng(0)
    # Name → the implementation, and the maps it gets, because it is slow.
    peers = {"numpy": (by_numpy, 20), "scikit-learn": (by_sklearn, 30)}
    spent = {name: [0.0, 0.0, 0] for name in peers}
    number = 0
    for _ in range(cases):
        reference = reference_mask(rng)
        for saliency in maps_of_a_case(rng):
            curves, seconds = timed(partial(scored, one_sort, saliency, reference))
            for name, (peer, every) in peers.items():
                if number % every == 0:
                    expected, other = timed(partial(scored, peer, saliency, reference))
                    np.testing.assert_allclose(curves, expected, rtol=0, atol=1e-12)
                    for index, value in enumerate((other, seconds, 1)):
                        spent[name][index] += value
            number += 1
    for name, (theirs, ours, count) in spent.items():
        yield Row(f"{THRESHOLDS.size} thresholds of {count} maps, rendered", name, theirs, ours)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=5)
    show(rows(parser.parse_args().cases))
