"""Find out which lesions a prediction finds, one by one."""

from typing import Literal

import cv2
import numpy as np

from fidelity.metrics.boxes.geometry import box_iou, centres

# How a predicted box finds a lesion: its centre is in the lesion's box, or the IoU is at least this
# number.
Hit = Literal["centre"] | float


def hits(predicted: np.ndarray, reference: np.ndarray, hit: Hit) -> np.ndarray:
    """Check which predicted boxes find which lesions: boolean (k, m).

    Args:
        predicted: boxes (k, 4).
        reference: boxes (m, 4), one per lesion.
        hit: `centre` (the centre of the predicted box lies in the lesion's box, its sides
            included: object-CXR's froc.py, also in wsrpn), or the smallest IoU.
    """
    if hit == "centre":
        middle = centres(predicted)[:, None]
        return ((reference[:, :2] <= middle) & (middle <= reference[:, 2:])).all(axis=2)
    return box_iou(predicted, reference) >= hit


def lesions_found(predicted: np.ndarray, reference: np.ndarray, hit: Hit) -> int:
    """Count the lesions, boxes (m, 4), that at least one predicted box (k, 4) finds."""
    return int(hits(predicted, reference, hit).any(axis=0).sum())


def components_found(reference: np.ndarray, prediction: np.ndarray) -> tuple[int, int]:
    """Count the lesions of a mask: those that share a pixel with the prediction, and all.

    Args:
        reference: boolean (H, W); its 8-connected parts are the lesions.
        prediction: boolean (H, W).
    """
    number, labels = cv2.connectedComponents(reference.view(np.uint8), connectivity=8)
    touched = np.unique(labels[prediction & reference])
    return len(touched), number - 1
