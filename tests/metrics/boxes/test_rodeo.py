"""RoDeO against the package rodeometric, for pairs of the grid and random sets of boxes."""

import warnings
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import matthews_corrcoef

from fidelity.metrics.boxes.rodeo import PARTS, Labelled, Rodeo
from tests.helpers.box_grid import REFERENCES

package = pytest.importorskip("rodeo", reason="rodeometric is not installed")


def _box(y, x, height, width):
    return (y, x, y + height, x + width)


SIDE = st.integers(1, 30)
BOXES = st.lists(st.tuples(st.builds(_box, SIDE, SIDE, SIDE, SIDE), st.integers(0, 2)), max_size=4)
SETS = st.lists(st.tuples(BOXES, BOXES), min_size=1, max_size=5)


def _labelled(boxes):
    return Labelled(
        np.array([b for b, _ in boxes], float).reshape(-1, 4),
        np.array([c for _, c in boxes], int),
    )


def _theirs(images, classes=3):
    """Return the package's values. Its boxes are x, y, width, height, class."""
    metric = package.RoDeO([str(c) for c in range(classes)], return_per_class=True)

    def rows(boxes):
        return np.array(
            [(x0, y0, x1 - x0, y1 - y0, c) for (y0, x0, y1, x1), c in boxes], float
        ).reshape(-1, 5)

    metric.add([rows(p) for p, _ in images], [rows(r) for _, r in images])

    # The package clips the result of scikit-learn, which used to be a NumPy number and is now a
    # Python number. scikit-learn used to return a number for a class without pairs, too.
    def as_numpy(a, b):
        return np.float64(matthews_corrcoef(a, b) if len(a) else np.nan)

    with warnings.catch_warnings(), patch.object(package.rodeo, "matthews_corrcoef", as_numpy):
        warnings.simplefilter("ignore")
        return metric.compute()


def _same(images, classes=3):
    theirs = _theirs(images, classes)
    ours = Rodeo([_labelled(p) for p, _ in images], [_labelled(r) for _, r in images], classes)
    once = np.ones((1, len(images)))
    anything = any(p or r for p, r in images)
    for part in PARTS:
        for cls in (None, *range(classes)):
            expected = theirs[f"RoDeO/{part}" if cls is None else f"RoDeO/{cls}/{part}"]
            value = ours.part(part, cls)(once)[0]
            if not np.isnan(expected) and (anything and not np.isnan(value)):
                assert value == pytest.approx(expected, rel=1e-9, abs=1e-12), (part, cls)
            elif np.isnan(expected):
                # If no box of the class is matched, the package divides by zero.
                assert np.isnan(value) or value == 0
            else:
                # Without any box, the package gives the worst value.
                assert expected == 0


@pytest.mark.parametrize("predicted", REFERENCES)
@pytest.mark.parametrize("reference", REFERENCES)
def test_grid(predicted, reference):
    def labelled(name):
        return [(box, place % 2) for place, box in enumerate(REFERENCES[name])]

    _same([(labelled(predicted), labelled(reference))], 2)
    # Add an image in which both classes match perfectly.
    many = labelled("many")
    _same([(many, many), (labelled(predicted), labelled(reference))], 2)


@given(SETS)
def test_sets(images):
    _same(images)


def test_one_class_has_no_classification():
    image = _labelled([((0, 0, 4, 4), 0)])
    rodeo = Rodeo([image], [image], 1)
    once = np.ones((1, 1))
    assert rodeo.part("localization")(once) == rodeo.part("shape_matching")(once) == 1
    assert np.isnan(rodeo.part("classification")(once)).all()
    assert np.isnan(rodeo.part("total")(once)).all()


def test_a_box_needs_an_area():
    flat = Labelled(np.array([[1.0, 1, 1, 5]]), np.array([0]))
    with pytest.raises(ValueError, match="area"):
        Rodeo([flat], [flat], 2)
