import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidelity.base.errors import InputError
from fidelity.masks.boxes import box_of, fill_boxes, scale_boxes
from fidelity.masks.plain_runs import decode_absolute, decode_relative

side = st.integers(0, 12)


@given(side, side, side, side)
def test_whole_boxes_are_slices(y, x, height, width):
    mask = np.zeros((10, 9), bool)
    mask[y : y + height, x : x + width] = True
    assert (fill_boxes([(y, x, y + height, x + width)], (10, 9)) == mask).all()


def test_a_pixel_belongs_to_a_box_if_its_centre_does():
    mask = fill_boxes([(0.6, 1.4, 2.4, 3.6)], (4, 5))
    assert box_of(mask) == (1, 1, 2, 4)
    # Halves are rounded to the even edge, as in tools that export whole numbers.
    assert box_of(fill_boxes([(0.5, 1.5, 2.5, 3.5)], (4, 5))) == (0, 2, 2, 4)
    assert not fill_boxes([], (4, 5)).any()
    assert fill_boxes([(-3, -3, 99, 99)], (4, 5)).all()


def test_boxes_are_scaled_by_side():
    assert scale_boxes([(0.5, 0.25, 1, 0.75)], (1, 1), (10, 20)) == ((5, 5, 10, 15),)


def test_two_conventions_of_run_lengths():
    # Runs go down the columns, and each gap is counted from the end of the previous run.
    down = decode_relative(["1 2 3 1"], (4, 3))
    assert down.T.ravel().nonzero()[0].tolist() == [1, 2, 6]
    # Runs go along the rows, and starts are counted from one.
    along = decode_absolute(["2 2 7 1"], (4, 3))
    assert along.ravel().nonzero()[0].tolist() == [1, 2, 6]


@pytest.mark.parametrize("text", ["1", "1 x", "0 13", "-1 2", "1 99999999999999999999"])
def test_broken_run_lengths(text):
    for decode in (decode_relative, decode_absolute):
        with pytest.raises(InputError, match="the run lengths"):
            decode([text], (4, 3))
