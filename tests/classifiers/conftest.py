"""A task that is quick to learn: a bright square is on the left, on the right, or absent."""

import numpy as np
import pytest

from fidelity.classifiers.training.examples import Examples

CLASSES = ("left", "right", "none")
SIDE = 32


def squares(count: int, seed: int) -> Examples:
    """Create `count` images of 32 px whose classes alternate."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 40, (count, SIDE, SIDE)).astype(np.uint8)
    labels = np.zeros((count, 3), np.uint8)
    for index in range(count):
        cls = index % 3
        labels[index, cls] = 1
        top = int(rng.integers(4, 18))
        if cls < 2:
            images[index, top : top + 10, 16 * cls + 3 : 16 * cls + 13] += 180
    return Examples(images, labels)


@pytest.fixture(scope="session")
def examples() -> Examples:
    return squares(48, 0)


@pytest.fixture(scope="session")
def held_out() -> Examples:
    return squares(24, 1)
