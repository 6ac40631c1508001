"""Masks that another data set has for some of the same images become those of a reader."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import match_readers
from fidelity.datasets.cases import write_cases
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.indexing.looks import write_looks
from fidelity.datasets.readers import matching
from tests.helpers.entries import dataset
from tests.helpers.small_data import SIZE, make_covid_layout, write_image

SETTINGS = {"root": ".", "annotated_classes": ["COVID-19"], "image_size": 32}
CASES = "Infection Segmentation Data/{}/COVID-19/images/{} COVID-19 ({}).png"
# Factors by which each image of the other set is wider and higher than its case.
ACROSS, DOWN = 3, 2


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Write four images: a test case, a worse copy of it, a training case, an unrelated image."""
    make_covid_layout(tmp_path)
    index(tmp_path)
    rng = np.random.default_rng(1)
    test = cv2.imread(str(tmp_path / CASES.format("Test", "test", 1)), cv2.IMREAD_GRAYSCALE)
    train = cv2.imread(str(tmp_path / CASES.format("Train", "train", 0)), cv2.IMREAD_GRAYSCALE)
    strange = rng.integers(0, 256, (SIZE, SIZE), np.uint8)
    for name, image in {"a.jpg": test, "copy.png": test, "b.png": train, "c.png": strange}.items():
        large = cv2.resize(image, (ACROSS * SIZE, DOWN * SIZE), interpolation=cv2.INTER_NEAREST)
        brighter = 0.7 * large + 40 + (rng.normal(0, 40, large.shape) if name == "copy.png" else 0)
        write_image(tmp_path / "other/images" / name, brighter.astype(np.uint8))
    # Masks are coloured pieces. The second piece is two rows below the first (rows of the case).
    piece = np.zeros((4 * DOWN, 4 * ACROSS, 3), np.uint8)
    piece[:] = (10, 200, 30)
    write_image(tmp_path / "other/masks/glass.png", piece)
    rows = ["Filename,Class,Mask,Left,Top"]
    for name in ("a.jpg", "copy.png", "c.png"):
        rows.append(f"{name},Glass,masks/glass.png,{6 * ACROSS},{10 * DOWN}")
        rows.append(f"{name},Consolidation,masks/glass.png,{6 * ACROSS},{12 * DOWN}")
        rows.append(f"{name},Tube,masks/glass.png,0,0")
    (tmp_path / "other/masks.csv").write_text("\n".join([*rows, "b.png,Glass,,,"]) + "\n")
    return tmp_path


def index(root: Path) -> None:
    settings = dataset("covid_qu_ex", SETTINGS)
    folder = root / "results"
    folder.mkdir()
    found = index_cases(root, settings)
    write_looks(folder / "looks.npz", found.looks)
    write_cases(folder / "cases.csv", found.cases)


def command(root: Path, *labels: str, **changes) -> list[str]:
    options = {"class": "COVID-19", "correlation": 0.9, "out": root / "readers/anna", **changes}
    return [
        *map(str, (root / "results", root, root / "other/masks.csv", "--labels", *labels)),
        *(text for name, value in options.items() for text in (f"--{name}", str(value))),
    ]


def run(root: Path, *labels: str, **changes) -> pd.DataFrame:
    match_readers.main(command(root, *labels, **changes))
    return pd.read_csv(root / "readers/anna.csv")


def test_images_are_matched_by_pixels_and_masks_become_a_readers(other, capsys):
    found = run(other, "Glass", "Consolidation")
    by_case = found.set_index("case")
    # Of two copies, only the one that is nearer to the case counts.
    assert dict(by_case["matched_image"]) == {
        "test COVID-19 (1)": "a.jpg", "train COVID-19 (0)": "b.png",
    }  # fmt: skip
    assert dict(by_case["split"]) == {"test COVID-19 (1)": "test", "train COVID-19 (0)": "train"}
    assert found["correlation"].between(0.97, 1).all()
    mask = cv2.imread(str(other / "readers/anna/test COVID-19 (1).png"), cv2.IMREAD_GRAYSCALE)
    expected = np.zeros((SIZE, SIZE), np.uint8)
    expected[10:16, 6:10] = 255
    assert np.array_equal(mask, expected)
    # 16 of 24 pixels are in the reference too. In the other image, the reader marked nothing.
    assert by_case.loc["test COVID-19 (1)", "iou"] == pytest.approx(16 / 24)
    assert by_case.loc["train COVID-19 (0)", "iou"] == 0
    assert found["marked"].sum() == 1
    assert ">= 0.9       2       1  0.333" in capsys.readouterr().out
    # The folder can be used in the setting `readers`, and the list as a table of cases.
    keys = {"readers": {"anna": "readers/anna"}, "lung_masks": "provided"}
    for settings in (
        dataset("covid_qu_ex", {**SETTINGS, **keys}),
        dataset("table", {**SETTINGS, **keys, "table": "readers/anna.csv"}),
    ):
        cases = [case for case in index_cases(other, settings)[0] if case.readers]
        assert {case.case for case in cases} == set(found["case"])


def test_each_image_is_read_once(other, monkeypatch):
    seen, read = [], matching.read_image
    monkeypatch.setattr(matching, "read_image", lambda path: seen.append(path.name) or read(path))
    run(other, "Glass")
    assert sorted(seen) == ["a.jpg", "b.png", "c.png", "copy.png"]


def test_labels_that_count(other):
    found = run(other, "Consolidation").set_index("case")
    assert found.loc["test COVID-19 (1)", "iou"] == pytest.approx(8 / 24)


def test_a_threshold_that_nothing_reaches(other):
    with pytest.raises(SystemExit, match=r"none of the 4 images matches a case"):
        run(other, "Glass", correlation=1)


@pytest.mark.parametrize(
    ("labels", "old", "new", "problem"),
    [
        (["glas"], "", "", r"no mask has the label 'glas'\. Did you mean 'Glass'"),
        (["Glass"], "Filename,Class", "Filename,Kind", r"'class': the column is missing"),
        (["Glass"], f",{6 * ACROSS},{10 * DOWN}", ",1.5,0", "line 2: left and top must be whole"),
        (["Glass"], f",{6 * ACROSS},{10 * DOWN}", ",90,0", r"glass\.png.*extends beyond its image"),
        (["Glass"], "masks/glass.png", "../glass.png", r"leaves the data root"),
    ],
)
def test_mistakes(other, labels, old, new, problem):
    table = other / "other/masks.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(SystemExit, match=problem):
        run(other, *labels)
