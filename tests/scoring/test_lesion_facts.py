"""Facts about lesions, on masks whose facts are known."""

import dataclasses

import numpy as np
import pytest

from fidelity.masks.run_lengths import encode
from fidelity.scoring.lesion_facts import lesion_facts
from tests.helpers.explained_cohort import case_of

SIDE = 40


def facts(mask, image=None, lung=None):
    case = case_of("one", {"A": mask})
    image = np.full((SIDE, SIDE), 100, np.uint8) if image is None else image
    case = dataclasses.replace(
        case, image=image, native_size=mask.shape, box=(0, 0, *mask.shape),
        lung=lung, references={"A": encode(mask), "B": encode(np.zeros_like(mask))},
    )  # fmt: skip
    table = lesion_facts([case])
    assert table["class"].tolist() == ["A"]  # an empty reference has no facts
    return table.iloc[0]


def box(y0, x0, y1, x1):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_number_size_and_place():
    found = facts(box(0, 0, 10, 20) | box(30, 0, 34, 4))
    assert found["lesions"] == 2
    assert found["size"] == 216 / 1600
    assert found["elongation"] == pytest.approx(2)  # of the larger part
    found = facts(box(30, 18, 40, 22))
    assert found["height"] == pytest.approx(0.875)
    assert found["from_midline"] == 0
    assert facts(box(0, 38, 40, 40))["from_midline"] == pytest.approx(0.95)


def test_elongation_does_not_depend_on_the_direction():
    rows, columns = np.mgrid[:SIDE, :SIDE]
    slanted = (abs(rows - columns) < 4) & (rows + columns > 20) & (rows + columns < 60)
    straight = facts(box(0, 0, 5, 20))["elongation"]
    assert straight == pytest.approx(4)
    assert facts(slanted)["elongation"] > 3


def test_contrast_is_against_the_surroundings():
    mask = box(10, 10, 20, 20)
    image = np.full((SIDE, SIDE), 60, np.uint8)
    image[mask] = 111
    image[:5] = 255  # far away from the lesion
    assert facts(mask, image)["contrast"] == pytest.approx(51 / 255)
    # If lung masks are given, pixels outside the lungs do not count.
    image[:, 21:] = 255
    lung = box(5, 5, 40, 21)
    assert facts(mask, image, lung)["contrast"] == pytest.approx(51 / 255)
    assert facts(mask, image)["contrast"] < 30 / 255
