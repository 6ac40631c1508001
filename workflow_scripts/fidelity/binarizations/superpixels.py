"""The superpixels of highest positive weight, as LIME shows its explanations."""

from dataclasses import dataclass

import cv2
import numpy as np

from fidelity.datasets.prepared import PreparedCase
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.maps.pixel_frames import Frame
from fidelity.maps.saliency_map import SaliencyMap, Sign, raw_map, signed_part
from fidelity.settings import superpixels as entries


@dataclass(frozen=True)
class Superpixels:
    """The superpixels of an image and what a map gives each of them.

    Attributes:
        labels: int32 (H, W) in the scored frame, -1 outside what the classifier saw.
        weights: float64 (k,), one per label, in the explainer's own unit.
    """

    labels: np.ndarray
    weights: np.ndarray


def superpixels_of(
    saliency: SaliencyMap,
    case: PreparedCase,
    frame: Frame,
    sign: Sign,
    algorithm: entries.Superpixels,
    seed: int,
) -> Superpixels:
    """Give a map's superpixels, or average a map that has none over those of the image.

    So that Grad-CAM can be given LIME's superpixels: a control that separates what LIME owes to the
    classifier from what it owes to the segmentation.

    Args:
        saliency: the map; one of kind `superpixels` keeps its own labels and weights.
        case: whose working image is split by the same code as LIME's.
        sign: part of the map that counts, taken before the averaging.
        seed: of the segmentation; LIME's own gives LIME's superpixels.

    Returns:
        Labels in the frame (nearest neighbour), weights per label. Dense maps are stored scaled to
        a peak of 1, so their weights have that unit.
    """
    if saliency.kind == "superpixels":
        segments = saliency.segments
        weights = signed_part(saliency.values.astype(np.float64), sign)
    else:
        segments = segment(rgb_image(case.image), algorithm, seed, case.lung)
        part = raw_map(saliency, case.image.shape, sign).astype(np.float64)
        weights = np.bincount(segments.ravel(), part.ravel()) / np.bincount(segments.ravel())
    y0, x0, y1, x1 = frame.box
    labels = np.full(frame.size, -1, np.int32)
    labels[y0:y1, x0:x1] = cv2.resize(
        segments.astype(np.int32), (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return Superpixels(labels, weights)


def binarize(
    map01: np.ndarray, superpixels: Superpixels, top: int = 5, min_weight: float = 0.0
) -> tuple[np.ndarray, float]:
    """Keep the `top` superpixels of highest weight, positive ones alone.

    The mask of `get_image_and_mask(positive_only=True, num_features=top, min_weight=min_weight)`
    in lime 0.2.0.1, whose defaults these are. Of equal weights the lower label comes first.

    Args:
        map01: float32 (H, W) in [0, 1]; its values are not used, the weights are.
        min_weight: those at or below it are left out.

    Returns:
        Boolean (H, W) and NaN: no threshold on the normalised map says the same.
    """
    weights = superpixels.weights
    order = np.argsort(-weights, kind="stable")[:top]
    keep = np.zeros(weights.size + 1, bool)  # label -1, outside the box, reads the last one
    keep[order] = (weights[order] > 0) & (weights[order] > min_weight)
    return keep[superpixels.labels], float("nan")
