"""The superpixels with the highest positive weights, as LIME shows its explanations."""

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
    """The superpixels of an image and the weight that a map gives each of them.

    Attributes:
        labels: int32 (H, W) in the scored frame; -1 outside the part that the classifier saw.
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
    """Return a map's superpixels; average a map without any over the superpixels of the image.

    The average gives, for example, Grad-CAM the superpixels of LIME. This control separates the
    effect of the classifier on LIME's result from the effect of the segmentation.

    Args:
        saliency: the map; a map of kind `superpixels` keeps its own labels and weights.
        case: the case; its working image is segmented by the same code as for LIME.
        sign: part of the map that counts; applied before averaging.
        seed: seed of the segmentation; LIME's seed gives LIME's superpixels.

    Returns:
        Labels in the frame (nearest neighbour), and weights per label. Dense maps are stored scaled
        to a maximum of 1, so their weights have that unit.
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
    """Keep the `top` superpixels with the highest weights, if these are positive.

    The mask equals that of `get_image_and_mask(positive_only=True, num_features=top,
    min_weight=min_weight)` in lime 0.2.0.1, which has the same defaults. Among ties, the lower
    label comes first.

    Args:
        map01: float32 (H, W) in [0, 1]; not used, because the weights decide.
        min_weight: superpixels with this weight or less are left out.

    Returns:
        Boolean (H, W) and NaN, because no threshold on the normalised map gives this mask.
    """
    weights = superpixels.weights
    order = np.argsort(-weights, kind="stable")[:top]
    keep = np.zeros(weights.size + 1, bool)  # label -1 (outside the box) reads the last entry
    keep[order] = (weights[order] > 0) & (weights[order] > min_weight)
    return keep[superpixels.labels], float("nan")
