"""Choose the highest pixels of a map, with pixels of equal value in a declared order.

A map of superpixels has few values, so "the highest k pixels" cuts through a superpixel. Taking
pixels in the order of memory would favour the top of the image. Here, pixels of equal value follow
a shuffled order of positions, drawn once per shape from a fixed seed. No place is favoured, all
explainers get the same order, and results are the same in every run.
"""

from functools import lru_cache

import numpy as np

from fidelity.base.seeding import seed_for


def top_k(map01: np.ndarray, k: int) -> np.ndarray:
    """Choose the k highest pixels.

    Args:
        map01: float (H, W).
        k: number of pixels, from 0 to H · W.

    Returns:
        Boolean (H, W) with exactly k pixels: all pixels above the k-th highest value. Of the pixels
        that equal it, the first ones in the shuffled order are added.

    Raises:
        ValueError: k is outside its range.
    """
    if not 0 <= k <= map01.size:
        raise ValueError(f"{k} pixels of a map that has {map01.size}")
    if k == 0:
        return np.zeros(map01.shape, bool)
    flat = map01.reshape(-1)
    lowest = np.partition(flat, flat.size - k)[flat.size - k]
    chosen = flat > lowest
    tied = np.flatnonzero(flat == lowest)
    wanted = k - np.count_nonzero(chosen)
    if wanted < tied.size:
        first = np.argpartition(places(map01.shape)[tied], wanted - 1)[:wanted]
        tied = tied[first]
    chosen[tied] = True
    return chosen.reshape(map01.shape)


@lru_cache(maxsize=4)
def places(shape: tuple[int, ...]) -> np.ndarray:
    """Return every pixel's place in the shuffled order of a shape.

    Returns:
        Distinct integers, one per pixel in the order of memory, the same in every run; read-only.
    """
    rng = np.random.default_rng(seed_for("ties", *shape))
    places = rng.permutation(int(np.prod(shape)))
    places.flags.writeable = False
    return places
