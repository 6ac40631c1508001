"""One reference from several readers: by hand, and STAPLE compared with its published formulas."""

import numpy as np
import pytest

from fidelity.datasets.annotations.drawn import Drawn
from fidelity.datasets.readers.consensus import agreed_boxes, agreed_mask

# Two readers overlap. A third reader draws less, and one pixel far away.
MASKS = {name: np.zeros((6, 8), bool) for name in ("a", "b", "c")}
MASKS["a"][1:4, 1:5] = True
MASKS["b"][1:5, 2:6] = True
MASKS["c"][2:4, 1:4] = True
MASKS["c"][5, 7] = True


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("union", [1, 1, 1, 0]),
        ("intersection", [1, 0, 0, 0]),
        ("majority", [1, 1, 0, 0]),
        ("b", [1, 1, 0, 0]),
        ("c", [1, 0, 0, 0]),
    ],
)
def test_pixels_count_that_enough_readers_marked(rule, expected):
    rows = {"a": [1, 1, 1, 0], "b": [1, 1, 0, 0], "c": [1, 0, 0, 0]}
    masks = {name: np.array([row], bool) for name, row in rows.items()}
    assert agreed_mask(masks, rule).astype(int).tolist() == [expected]


def test_half_of_the_readers_are_no_majority():
    two = {"a": np.array([[True, True]]), "b": np.array([[True, False]])}
    assert agreed_mask(two, "majority").tolist() == [[True, False]]


def test_who_did_not_read_has_no_reference():
    assert agreed_mask(MASKS, "d") is None
    assert agreed_mask({}, "union") is None
    assert agreed_boxes([], [], "majority") is None
    assert agreed_boxes([], ["a"], "b") is None


def staple(stack, rounds=500):
    """Warfield, Zou & Wells 2004: equations 10 to 19 as printed."""
    marked = stack.reshape(len(stack), -1).astype(float)
    prior = marked.mean()
    p = q = np.full(len(stack), 0.99999)
    for _ in range(rounds):
        a = prior * np.prod(np.where(marked, p[:, None], 1 - p[:, None]), axis=0)
        b = (1 - prior) * np.prod(np.where(marked, 1 - q[:, None], q[:, None]), axis=0)
        weight = a / (a + b)
        p = (marked * weight).sum(axis=1) / weight.sum()
        q = ((1 - marked) * (1 - weight)).sum(axis=1) / (1 - weight).sum()
    return weight.reshape(stack.shape[1:])


def test_staple_of_three_readers_golden():
    # SimpleITK 2.5.7: sensitivities 1, 0.75, 0.5; specificities 1, 0.8056, 0.9722.
    found = agreed_mask(MASKS, "staple")
    np.testing.assert_array_equal(found, MASKS["a"])
    assert (found != agreed_mask(MASKS, "majority")).any()


@pytest.mark.parametrize("seed", range(6))
def test_staple_is_that_of_the_paper(seed):
    rng = np.random.default_rng(seed)
    truth = np.zeros((24, 24), bool)
    truth[6:15, 5:17] = True
    readers = {f"r{k}": truth ^ (rng.random(truth.shape) < 0.05 + 0.06 * k) for k in range(4)}
    weight = staple(np.stack(list(readers.values())))
    certain = np.abs(weight - 0.5) > 0.01
    found = agreed_mask(readers, "staple")
    assert certain.mean() > 0.95
    np.testing.assert_array_equal(found[certain], (weight >= 0.5)[certain])


def test_staple_where_all_agree_needs_no_estimate():
    empty = {"a": np.zeros((4, 4), bool), "b": np.zeros((4, 4), bool)}
    assert not agreed_mask(empty, "staple").any()
    np.testing.assert_array_equal(agreed_mask({"a": MASKS["a"]}, "staple"), MASKS["a"])


def test_boxes_count_that_enough_readers_drew():
    drawn = [Drawn((0, 0, 10, 10), "", "a"), Drawn((2, 0, 12, 10), "", "b")]
    drawn += [Drawn((4, 0, 14, 10), "", "c"), Drawn((30, 30, 35, 35), "", "c")]
    names = ["a", "b", "c"]
    assert [one.box for one in agreed_boxes(drawn, names, "union")] == [one.box for one in drawn]
    for rule in ("majority", "intersection"):
        assert [one.box for one in agreed_boxes(drawn, names, rule)] == [(2, 0, 12, 10)]
    # A fourth reader, who found nothing, prevents an intersection but does not change the majority.
    assert agreed_boxes(drawn, [*names, "d"], "intersection") == []
    assert len(agreed_boxes(drawn, [*names, "d"], "majority")) == 1
    assert [one.box for one in agreed_boxes(drawn, names, "b")] == [(2, 0, 12, 10)]
