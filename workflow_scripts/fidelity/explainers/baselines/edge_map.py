"""Null baseline: the edges of the image."""

import numpy as np
from scipy.ndimage import gaussian_gradient_magnitude

from fidelity.explainers.base import Context, Explain, Explanation, one_by_one
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import EdgeMap


def make(context: Context, settings: EdgeMap) -> Explain:
    """Give every case the gradient magnitude of its smoothed working image.

    Some explanations are hardly more than edge detectors (Adebayo et al. 2018, Sanity checks for
    saliency maps). Edges that the input setting creates, such as the border of a masked lung, are
    included, because the classifier sees them too.

    Returns:
        A function from tasks to maps of kind `dense` at working size.
    """
    del context

    return one_by_one(lambda task: Explanation(_edges(task.case.image, settings.sigma)))


def _edges(image: np.ndarray, sigma: float) -> SaliencyMap:
    values = gaussian_gradient_magnitude(image.astype(np.float64), sigma, mode="nearest")
    return SaliencyMap("dense", values)
