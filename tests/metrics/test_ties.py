import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fidelity.metrics.ties import top_k

TIED = arrays(np.float32, (7, 9), elements=st.sampled_from([0, 0.25, 0.5, 1]))


@given(TIED, st.integers(0, 63))
def test_exactly_k_pixels_and_none_below_one_left_out(map01, k):
    chosen = top_k(map01, k)
    assert np.count_nonzero(chosen) == k
    if 0 < k < map01.size:
        assert map01[chosen].min() >= map01[~chosen].max()


@given(TIED, st.integers(0, 62))
def test_masks_are_nested(map01, k):
    assert not (top_k(map01, k) & ~top_k(map01, k + 1)).any()


@given(st.integers(0, 63))
def test_maps_with_the_same_ties_give_the_same_pixels(k):
    assert np.array_equal(top_k(np.zeros((7, 9)), k), top_k(np.full((7, 9), 0.3), k))


def test_ties_favour_no_side_of_the_image():
    chosen = top_k(np.ones((256, 256), np.float32), 256 * 64)
    quarters = chosen.reshape(2, 128, 2, 128).mean((1, 3))
    assert np.abs(quarters - 0.25).max() < 0.02


def test_the_order_of_ties_never_changes():
    # These numbers would change with the order, and published masks would change with them.
    assert np.flatnonzero(top_k(np.ones((6, 8), np.float32), 5)).tolist() == [8, 19, 22, 28, 43]


@pytest.mark.parametrize("k", [-1, 13])
def test_more_pixels_than_there_are(k):
    with pytest.raises(ValueError, match="pixels"):
        top_k(np.zeros((3, 4)), k)
