"""The planted mark is removed and added, and nothing else in the image changes."""

import numpy as np
import pytest

from fidelity.base.errors import InputError
from fidelity.datasets.sources.phantom.phantom import generate
from fidelity.datasets.sources.phantom.retouch import read_mark, retouch
from tests.helpers.entries import dataset

SETTINGS = {
    "cases": {"train": 3, "val": 3, "test": 9},
    "size": 64,
    "contrast": 0.0,
    "shortcut": {"class": "COVID-19", "probability": 1.0, "distractor": 0.0},
    "second_reader": False,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    generate(folder, dataset("phantom", SETTINGS), seed=1)
    return folder


def _label(case):
    return {"covid": "COVID-19", "non_covid": "Non-COVID", "normal": "Normal"}[
        case.rsplit("_", 2)[0]
    ]


def test_only_the_mark_changes(root):
    import cv2

    cases = [f"{kind}_test_0000{i}" for kind in ("covid", "normal") for i in (1, 2, 3)]
    found = list(retouch(root, cases))
    assert [made.case for made in found] == cases
    for made in found:
        label = _label(made.case)
        mark = read_mark(root, "test", label, made.case)
        file = root / "Infection Segmentation Data/Test" / label / "images" / f"{made.case}.png"
        np.testing.assert_array_equal(made.as_is, cv2.imread(str(file), cv2.IMREAD_UNCHANGED))
        assert made.marked == mark.any() == (label == "COVID-19")
        changed = made.erased != made.planted
        ys, xs = np.nonzero(changed)
        box = (np.ptp(ys) + 1, np.ptp(xs) + 1)
        assert 2 < box[0] < 8  # the mark: 6.5 % by 10.5 % of the side
        assert 4 < box[1] < 10
        if made.marked:
            np.testing.assert_array_equal(made.as_is, made.planted)
            assert not (changed & ~mark).any()
            assert (changed.sum() / mark.sum()) > 0.9
        else:
            np.testing.assert_array_equal(made.as_is, made.erased)


def test_other_cases_are_not_drawn(root):
    assert [made.case for made in retouch(root, ["normal_test_00002", "stranger"])] == [
        "normal_test_00002"
    ]


def test_a_folder_that_is_no_phantom_is_named(tmp_path):
    with pytest.raises(InputError, match=r"phantom\.json"):
        list(retouch(tmp_path, ["a"]))
