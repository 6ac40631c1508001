"""CheXmask's organ masks: which rows are used, and which are counted, listed or refused."""

import logging

import numpy as np
import pytest

import organ_masks
from fidelity.analysis.columns.cases import ORGAN_MASKS
from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case, read_cases, write_cases
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.indexing.organs import matches_of
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.prepare import prepare_case
from fidelity.masks.run_lengths import decode
from tests.helpers.entries import dataset
from tests.helpers.small_data import SIZE, make_covid_layout

HEADER = "ImageID,Dice RCA (Mean),Left Lung,Right Lung,Heart,Height,Width"
# Starts count from 1, row by row: two pixels in each of the rows 0, 1 and 2.
RUNS = f"5 2,{SIZE + 3} 2,{2 * SIZE + 1} 2"


def write_rows(path, rows, header=HEADER):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def row(image, quality=0.9, runs=RUNS):
    return f"{image},{quality},{runs},{SIZE},{SIZE}"


@pytest.fixture
def root(tmp_path):
    return make_covid_layout(tmp_path)


def settings_of(**changes):
    keys = {"annotated_classes": ["COVID-19"], "lung_masks": "chexmask", "lungs": "masks.csv"}
    return dataset("covid_qu_ex", {"root": ".", "near_duplicates": "off", **keys, **changes})


def names(root):
    found = dataset("covid_qu_ex", {"root": ".", "annotated_classes": ["COVID-19"]})
    return [case.case for case in index_cases(root, found)[0]]


def test_organs_reach_the_prepared_case(root):
    write_rows(root / "masks.csv", [row(f"{name}.png") for name in names(root)])
    settings = settings_of(image_size=16)
    cases, quarantine, *_ = index_cases(root, settings)
    assert len(cases) == 18
    assert quarantine == []
    name = cases[0].case
    assert cases[0].lung_mask == f"masks.csv#{name}.png/Lungs"
    assert cases[0].organs == {
        "left_lung": f"masks.csv#{name}.png/Left Lung",
        "right_lung": f"masks.csv#{name}.png/Right Lung",
        "heart": f"masks.csv#{name}.png/Heart",
    }
    write_cases(root / "cases.csv", cases)
    assert read_cases(root / "cases.csv") == cases
    made = prepare_case(cases[0], root, settings)
    assert {organ: np.argwhere(decode(mask)).tolist() for organ, mask in made.organs.items()} == {
        "left_lung": [[0, 4], [0, 5]],
        "right_lung": [[1, 2], [1, 3]],
        "heart": [[2, 0], [2, 1]],
    }
    assert decode(made.lung_native).sum() == 4


def test_what_is_missing_is_counted_and_listed(root, caplog):
    first, second, *rest = names(root)
    rows = [row(first, 0.69), row("of_another_copy"), *(row(name) for name in rest)]
    write_rows(root / "masks.csv", rows)
    with caplog.at_level(logging.WARNING):
        cases, *_ = index_cases(root, settings_of())
    assert [case.case for case in cases if not case.organs] == [first, second]
    assert [case.lung_mask for case in cases[:2]] == [None, None]
    said = [text for text in caplog.messages if "masks.csv" in text]
    assert [text.partition("masks.csv: ")[2].partition(".")[0] for text in said] == [
        "1 rows are of images that are not here",
        "1 cases have no row, so no organ mask",
        "1 cases have masks of an estimated quality below 0",
    ]
    assert "(first: of_another_copy)" in said[0]
    assert "Lower lung_quality" in said[2]

    write_cases(root / "cases.csv", cases)
    (root / "raw").mkdir()
    (root / "raw" / "data").symlink_to(root)
    output = root / "organ_masks.csv"
    organ_masks.main(str(root / "raw"), str(root / "cases.csv"), "masks.csv", 0.7, str(output))
    table = ORGAN_MASKS.read(output)
    assert table["status"].value_counts().to_dict() == {
        "used": 16,
        "low quality": 1,
        "no row": 1,
        "no case": 1,
    }
    low = table[table["status"] == "low quality"].iloc[0]
    assert low[["case", "quality"]].tolist() == [first, 0.69]


def test_a_lower_gate_uses_more(root):
    write_rows(root / "masks.csv", [row(name, 0.69) for name in names(root)])
    with pytest.raises(InputError, match="no case has a lung mask"):
        index_cases(root, settings_of())
    assert all(case.organs for case in index_cases(root, settings_of(lung_quality=0.6))[0])


def test_columns_that_are_missing(root, caplog):
    rows = [row(name, runs=RUNS.rpartition(",")[0]) for name in names(root)]
    write_rows(root / "masks.csv", rows, HEADER.replace("Heart,", ""))
    with caplog.at_level(logging.WARNING):
        cases, *_ = index_cases(root, settings_of())
    assert set(cases[0].organs) == {"left_lung", "right_lung"}
    assert "no row has a mask in the column Heart, so there are no heart masks" in caplog.text
    with pytest.raises(InputError, match="heart masks, but no case has one") as found:
        index_cases(root, settings_of(), hearts=True)
    assert found.value.file == root / "masks.csv"
    assert "leave heart_mask out" in found.value.remedy

    rows = [f"{name},{RUNS},{SIZE},{SIZE}" for name in names(root)]
    write_rows(root / "masks.csv", rows, HEADER.replace("Dice RCA (Mean),", ""))
    with pytest.raises(InputError, match="column is missing") as found:
        index_cases(root, settings_of())
    assert found.value.field == "Dice RCA (Mean)"
    assert "lung_quality: 0" in found.value.remedy
    assert index_cases(root, settings_of(lung_quality=0))[0][0].organs

    write_rows(root / "masks.csv", ["x,0.9"], "ImageID,Dice RCA (Mean)")
    with pytest.raises(InputError, match="column is missing") as found:
        index_cases(root, settings_of())
    assert found.value.field == "Left Lung"


def test_a_file_of_another_data_set_is_refused(root):
    write_rows(root / "masks.csv", [row("00000001_000.png")])
    with pytest.raises(InputError, match=r"no row belongs to an image .*'00000001_000.png'"):
        index_cases(root, settings_of())


@pytest.mark.parametrize(
    ("named", "image"),
    [
        ("train/patient1/study1/view1.jpg", "CheXpert-v1.0/train/patient1/study1/view1.jpg"),
        ("00028162_002.png", "images_001/images/00028162_002.png"),
        ("0a1b", "train/0a1b.dicom"),
        ("1.2.826.0.1", "images/1.2.826.0.1.dcm"),
    ],
)
def test_ids_of_each_data_set(tmp_path, named, image):
    path = write_rows(tmp_path / "masks.csv", [row("train/patient2/view1.jpg"), row(named)])
    found, other = matches_of([Case("a", "a", "test", (), image)], path, 0.7)
    assert (found.row, found.status) == (named, "used")
    assert (other.case, other.status) == (None, "no case")


def test_a_row_that_may_be_of_two_images(tmp_path):
    cases = [Case(c, c, "test", (), f"{c}/view1.png") for c in ("east", "west")]
    path = write_rows(tmp_path / "masks.csv", [row("view1.png")])
    with pytest.raises(InputError, match=r"'view1' fits 2 images \(east/view1.png, west/view"):
        matches_of(cases, path, 0.7)
    path = write_rows(tmp_path / "masks.csv", [row("east/view1.png"), row("west/view1.png")])
    assert [match.row for match in matches_of(cases, path, 0.7)] == [
        "east/view1.png",
        "west/view1.png",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.png", "a.jpg"), ("a", "a.png"), ("a.png", "a.png"), ("x/a.png", "x\\a.png")],
)
def test_two_rows_of_one_image_are_accepted_only_if_they_are_equal(tmp_path, first, second):
    cases = [Case("a", "a", "test", (), "x/a.png" if "x" in first else "a.png")]
    path = write_rows(tmp_path / "masks.csv", [row(first), row(second)])
    (match,) = matches_of(cases, path, 0.7)
    assert match.status == "used"
    other = RUNS.replace("5 2", "5 3", 1)
    for differing in (row(second, 0.8), row(second, runs=other)):
        path = write_rows(tmp_path / "masks.csv", [row(first), differing])
        with pytest.raises(InputError, match="are of the same image, and they differ") as error:
            matches_of(cases, path, 0.7)
        assert error.value.file == path
        assert repr(first) in error.value.problem
        assert repr(second) in error.value.problem
        assert error.value.remedy == "Remove one of the two rows"


@pytest.mark.parametrize("file", ["CheXpert.csv", "ChestX-Ray8.csv"])
def test_real_rows(shared_boxes, file):
    folder = shared_boxes / "chexmask"
    cases = [Case("a", "a", "test", (), "x.png")]
    matches = matches_of(cases, folder / file, 0.7)
    assert matches[0].status == "no row"
    named = [Case(m.row, "p", "test", (), f"any/{m.row}") for m in matches[1:]]
    matches = matches_of(named, folder / file, 0.7)
    assert {m.status for m in matches} == {"used", "low quality"}
    assert sum(m.status == "low quality" for m in matches) == 2
    # The patient's left lung is on the right of the image.
    left, right = (
        np.nonzero(read_mask_at(folder, f"{file}#{matches[0].row}/{side} Lung"))[1].mean()
        for side in ("Left", "Right")
    )
    assert left > right
