"""Compare all metrics of one pair of masks with the libraries that compute the same values.

Run: `python benchmarks/metrics.py`. Masks have 256 x 256 pixels; every value is checked before
anything is timed.
"""

import warnings
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import surface_distance
import torch
from comparison import Row, in_turns, show
from medpy.metric import binary as medpy
from monai import metrics as monai

from fidelity.metrics.conventions import protocol_for
from fidelity.metrics.pair import MaskPair
from fidelity.metrics.registry import MASK_METRICS

SIDE, PAIRS, ROUNDS, TOLERANCE = 256, 8, 5, 2.0


def lesions(rng: np.random.Generator) -> np.ndarray:
    """Draw a mask of a few smooth blobs, like lesions and thresholded maps; boolean (H, W)."""
    noise = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)), (0, 0), 14)
    return noise > np.quantile(noise, rng.uniform(0.75, 0.95))


def monai_values(reference: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """Compute the metrics of MONAI's protocol with MONAI."""
    y, y_pred = (torch.from_numpy(mask)[None, None] for mask in (reference, prediction))
    both = {"y_pred": y_pred, "y": y, "include_background": True}
    counts = monai.get_confusion_matrix(y_pred.float(), y.float(), include_background=True)
    of_counts = monai.compute_confusion_matrix_metric
    return {
        "iou": monai.compute_iou(**both).item(),
        "dice": monai.compute_dice(**both).item(),
        "precision": of_counts("precision", counts).item(),
        "recall": of_counts("sensitivity", counts).item(),
        "specificity": of_counts("specificity", counts).item(),
        "hausdorff_boundary": monai.compute_hausdorff_distance(**both).item(),
        "hd95_boundary": monai.compute_hausdorff_distance(**both, percentile=95).item(),
        "assd": monai.compute_average_surface_distance(**both, symmetric=True).item(),
        "nsd": monai.compute_surface_dice(**both, class_thresholds=[TOLERANCE]).item(),
    }


def medpy_values(reference: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """Compute the metrics of MedPy's protocol with MedPy."""
    functions = {
        "iou": medpy.jc,
        "dice": medpy.dc,
        "precision": medpy.precision,
        "recall": medpy.recall,
        "specificity": medpy.specificity,
        "hausdorff_boundary": medpy.hd,
        "hd95_boundary": medpy.hd95,
        "assd": medpy.assd,
    }
    return {name: function(prediction, reference) for name, function in functions.items()}


def surface_distance_values(reference: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """Compute the metrics of surface-distance's protocol with surface-distance."""
    found = surface_distance.compute_surface_distances(reference, prediction, (1, 1))
    return {
        "dice": surface_distance.compute_dice_coefficient(reference, prediction),
        "hausdorff_boundary": surface_distance.compute_robust_hausdorff(found, 100),
        "hd95_boundary": surface_distance.compute_robust_hausdorff(found, 95),
        "nsd": surface_distance.compute_surface_dice_at_tolerance(found, TOLERANCE),
    }


def our_values(protocol: str, names: list[str]) -> Callable[..., dict[str, float]]:
    """Make the function that computes the same values with this project."""
    rules = protocol_for(protocol, surface_tolerance=TOLERANCE)
    functions = {name: MASK_METRICS[name].function for name in names}

    def values(reference: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
        pair = MaskPair(reference, prediction)
        return {name: function(pair, rules) for name, function in functions.items()}

    return values


def rows() -> Iterator[Row]:
    """Check the values against each library, then time both sides."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(1)
    pairs = [(lesions(rng), lesions(rng)) for _ in range(PAIRS)]
    peers = {
        "monai": monai_values,
        "medpy": medpy_values,
        "surface-distance": surface_distance_values,
    }
    for protocol, theirs in peers.items():
        expected = [theirs(*pair) for pair in pairs]
        ours = our_values(protocol, list(expected[0]))
        for pair, values in zip(pairs, expected, strict=True):
            found = ours(*pair)
            np.testing.assert_allclose(list(found.values()), list(values.values()), rtol=1e-5)
        seconds = in_turns(
            *(lambda side=side: [side(*pair) for pair in pairs] for side in (theirs, ours)),
            rounds=ROUNDS,
        )
        task = f"{len(found)} metrics of {PAIRS} pairs of masks"
        yield Row(task, protocol, *seconds)


if __name__ == "__main__":
    show(rows())
