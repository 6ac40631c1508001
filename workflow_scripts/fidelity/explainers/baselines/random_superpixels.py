"""Null baseline: LIME's own superpixels with random weights."""

import numpy as np

from fidelity.base.seeding import seed_for
from fidelity.explainers.base import Context, Explain, Explanation, Task, one_by_one
from fidelity.explainers.superpixels import rgb_image, segment
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import RandomSuperpixels


def make(context: Context, settings: RandomSuperpixels) -> Explain:
    """Give every case standard normal weights on its superpixels (kind `superpixels`).

    If LIME scores higher, the classifier is the reason, not the segmentation.
    """

    return one_by_one(lambda task: _explain_one(context, settings, task))


def _explain_one(context: Context, settings: RandomSuperpixels, task: Task) -> Explanation:
    # LIME's own seed: where an image is flat (masked to the lung), noise decides the superpixels.
    of_lime = seed_for(context.seed, task.case.case, "lime", 0)
    segments = segment(rgb_image(task.case.image), settings.superpixels, of_lime, task.case.lung)
    rng = np.random.default_rng(context.seed_of(task))
    weights = rng.standard_normal(segments.max() + 1)
    return Explanation(
        SaliencyMap("superpixels", weights, segments), {"superpixels": int(segments.max() + 1)}
    )
