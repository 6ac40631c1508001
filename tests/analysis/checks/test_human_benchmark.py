"""Hit rates of the human benchmark's points, computed by hand and as CheXlocalize counts them."""

import json

import numpy as np
import pytest

from fidelity.analysis.checks.human_benchmark import hit_rates, is_hit, read_points
from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case
from fidelity.masks.run_lengths import encode

STATISTICS = {"replicates": 200, "alpha": 0.05, "cluster": "patient", "seed": 1}


@pytest.fixture
def square() -> np.ndarray:
    mask = np.zeros((8, 10), bool)
    mask[2:5, 6:9] = True
    return mask


def test_coordinates_are_x_then_y_and_cut(square):
    assert is_hit(square, [[6, 2]], "")
    assert is_hit(square, [[8.99, 4.99]], "")
    assert not is_hit(square, [[2, 6]], "")
    assert not is_hit(square, [[9.0, 4.0]], "")
    assert is_hit(square, [[0, 0], [7, 3]], "")  # one hit among several points is enough
    assert not is_hit(square, [], "")
    with pytest.raises(InputError, match="outside the image"):
        is_hit(square, [[10, 2]], "p/Edema")
    with pytest.raises(InputError, match="outside the image"):
        is_hit(square, [[-1, 2]], "p/Edema")


def test_rates_by_hand(tmp_path, square):
    empty = np.zeros_like(square)
    drawn = {
        "a": {"Edema": square, "Cardiomegaly": square},
        "b": {"Edema": square, "Cardiomegaly": empty},
        "c": {"Edema": square},
        "d": {"Edema": square},
    }
    content = {i: {c: encode(m) for c, m in by.items()} for i, by in drawn.items()}
    (tmp_path / "gt.json").write_text(json.dumps(content))
    cases = [
        Case(i, i, "val" if i == "d" else "test", (), "", masks={c: f"gt.json#{i}/{c}" for c in by})
        for i, by in drawn.items()
    ]
    points = {"a": {"Edema": [[7, 3]], "Cardiomegaly": [[0, 0]]}, "b": {"Edema": [[6, 2]]}}
    found = hit_rates(cases, tmp_path, points, "x", STATISTICS).set_index("class")
    assert set(found.split) == {"test"}
    assert found.loc["Edema", "mean"] == pytest.approx(2 / 3)  # c has no point: a miss
    assert found.loc["Edema", ["n", "n_without_point"]].tolist() == [3, 1]
    assert found.loc["Cardiomegaly", ["n", "mean"]].tolist() == [1, 0]  # b's reference is empty
    assert found.loc["all", ["n", "n_patients"]].tolist() == [4, 3]
    assert found.loc["Edema", "ci_low"] < 2 / 3 < found.loc["Edema", "ci_high"]
    with pytest.raises(InputError, match="has no point for any case with a reference mask"):
        hit_rates(cases, tmp_path, {"z": {"Edema": [[1, 1]]}}, "x", STATISTICS)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"a": {"Edema": [[1]]}}'])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "points.json").write_text(text)
    with pytest.raises(InputError, match="points"):
        read_points(tmp_path / "points.json")
