"""Null baseline: noise on the coarse grid of a class activation map."""

import numpy as np

from fidelity.explainers.base import Context, Explain, Explanation, one_by_one
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.settings.explainers import RandomCam


def make(context: Context, settings: RandomCam) -> Explain:
    """Give every case standard normal values on a coarse grid, as a map of kind `grid`.

    If a CAM scores higher, its values are the reason, not their low resolution and smoothness.
    """

    return one_by_one(lambda task: Explanation(_noise(context.seed_of(task), settings.grid)))


def _noise(seed: int, side: int) -> SaliencyMap:
    return SaliencyMap("grid", np.random.default_rng(seed).standard_normal((side, side)))
