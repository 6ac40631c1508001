"""Hiding the lesion is compared with hiding an equally large area elsewhere."""

import numpy as np
import pytest

from fidelity.explainers.base import Task
from fidelity.faithfulness.hiding import elsewhere, hide_lesions
from tests.helpers.explained_cohort import WORKING, case_of, square

LESION = square(0, 0, 12, 8)  # 12 of 24 rows and 8 of 32 columns


def brightness_of(rows: slice, columns: slice):
    """Return a score function: the mean brightness of a part of the image."""
    return lambda images, target: images[:, rows, columns].mean((1, 2))


def test_elsewhere_is_as_large_and_in_the_lung_first():
    rng = np.random.default_rng(0)
    lesion = np.zeros((16, 16), bool)
    lesion[2:6, 2:6] = True
    lung = np.zeros((16, 16), bool)
    lung[1:8, 1:12] = True
    for _ in range(20):
        found = elsewhere(lesion, lung, rng)
        assert found.sum() == lesion.sum()
        assert not (found & lesion).any()
        assert (found & ~lung).sum() == 0
    # If too few lung pixels are left, all of them are used, and others from outside the lung.
    small = np.zeros((16, 16), bool)
    small[1:7, 1:7] = True
    found = elsewhere(small & lesion, small, rng)
    lesion[1:7, 1:6] = True
    found = elsewhere(lesion, small, rng)
    assert found.sum() == lesion.sum()
    assert found[small & ~lesion].all()
    assert elsewhere(lesion, None, rng).sum() == lesion.sum()
    assert not elsewhere(~lesion, None, rng).any()  # larger than the rest of the image


def test_a_classifier_that_reads_the_lesion_alone():
    case = case_of("one", {"A": LESION})
    image = np.full((WORKING, WORKING), 20, np.uint8)
    image[:8, :4] = 220  # the lesion in the working frame
    case = type(case)(**{**vars(case), "image": image})
    tasks = [Task(case, "A", 0)]
    inside = brightness_of(slice(0, 8), slice(0, 4))
    row = hide_lesions(tasks, ("A", "B"), inside, seed=1).iloc[0]
    assert row["probability"] == pytest.approx(220 / 255, abs=1e-5)
    assert row["drop_lesion"] > 0.01
    assert row["drop_elsewhere"] == 0  # none of the lesion's pixels is changed
    assert row["lesion_share"] == 32 / 256
    # A classifier that reads only the rest of the image does not react to the lesion.
    outside = brightness_of(slice(8, None), slice(4, None))
    row = hide_lesions(tasks, ("A", "B"), outside, seed=1).iloc[0]
    assert row["drop_lesion"] == 0


def test_cases_without_a_comparison():
    empty = case_of("empty", {"A": square(0, 0, 0, 0)})
    large = case_of("large", {"A": square(0, 0, 24, 30)})
    said = brightness_of(slice(None), slice(None))
    table = hide_lesions([Task(empty, "A", 0), Task(large, "A", 0)], ("A",), said, seed=1)
    assert table["case"].tolist() == ["large"]
    assert np.isnan(table["drop_elsewhere"].iloc[0])
    assert not np.isnan(table["drop_lesion"].iloc[0])
