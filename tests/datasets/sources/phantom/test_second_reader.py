"""A second reader's masks, from the table or the phantom to the prepared case."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import acquire
from fidelity.base.errors import InputError
from fidelity.datasets.cases import read_cases, write_cases
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.prepared import PreparedShard, write_prepared
from fidelity.datasets.sources.covid_qu_ex.covid_qu_ex import SECOND_FOLDER
from fidelity.datasets.sources.phantom.phantom import Plan, generate, make_image, plan
from fidelity.datasets.sources.phantom.second_reader import second_reading
from fidelity.masks.run_lengths import decode
from tests.helpers.entries import dataset
from tests.helpers.small_data import grey_ramp, write_image

SETTINGS = {
    "table": "t.csv",
    "annotated_classes": ["Nodule"],
    "lung_masks": "none",
    "image_size": 16,
}


def mask(left):
    pixels = np.zeros((20, 20), np.uint8)
    pixels[4:9, left : left + 6] = 255
    return pixels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Case a was read twice, b once. Case c shows a class that is not annotated."""
    for number, name in enumerate("abc"):
        write_image(tmp_path / f"{name}.png", grey_ramp(20, number + 1))
    write_image(tmp_path / "m.png", mask(2))
    write_image(tmp_path / "s.png", mask(5))
    (tmp_path / "t.csv").write_text(
        "case,split,label,image,mask:Nodule,second_mask:Nodule,second_mask:Effusion\n"
        "a,train,Nodule,a.png,m.png,s.png,\nb,val,Nodule,b.png,m.png,,\n"
        "c,test,Effusion,c.png,,,s.png\n"
    )
    return tmp_path


def prepared(root, tmp_path, **changes):
    settings = {**SETTINGS, **changes}
    cases = index_cases(root, dataset("table", settings))[0]
    write_cases(tmp_path / "cases.csv", cases)
    assert read_cases(tmp_path / "cases.csv") == cases
    path = tmp_path / "s.h5"
    write_prepared(
        path,
        prepare_cases(read_cases(tmp_path / "cases.csv"), root, dataset("table", settings)),
        {"image_size": 16, "classes": []},
    )
    with PreparedShard(path) as shard:
        return {case.case: case for case in shard}


def test_the_second_mask_reaches_the_prepared_case(root, tmp_path):
    cases = prepared(root, tmp_path)
    assert {name: list(case.readers.get("second", {})) for name, case in cases.items()} == {
        "a": ["Nodule"],
        "b": [],
        "c": [],
    }
    np.testing.assert_array_equal(decode(cases["a"].readers["second"]["Nodule"]), mask(5) > 0)
    np.testing.assert_array_equal(decode(cases["a"].references["Nodule"]), mask(2) > 0)


def test_the_digest_follows_the_second_mask(root):
    before = {case.case: case.digest for case in index_cases(root, dataset("table", SETTINGS))[0]}
    write_image(root / "s.png", mask(6))
    after = {case.case: case.digest for case in index_cases(root, dataset("table", SETTINGS))[0]}
    assert [name for name in after if after[name] != before[name]] == ["a"]


def test_a_missing_file_is_fatal(root):
    (root / "s.png").unlink()
    with pytest.raises(InputError, match=r"s.png.*second_mask:Nodule.*'a'.*does not exist.*Add"):
        index_cases(root, dataset("table", SETTINGS))


def test_a_mask_that_does_not_fit_is_fatal(root):
    write_image(root / "s.png", np.zeros((20, 30), np.uint8))
    with pytest.raises(
        InputError, match=r"s.png: the mask of the reader second is 30 x 20.*ratios differ"
    ):
        index_cases(root, dataset("table", SETTINGS))


def test_acquire_counts_the_files_of_the_second_reader(tmp_path):
    cases = {"train": 3, "val": 3, "test": 3}
    counts = []
    for second in (False, True):
        settings = {"cases": cases, "size": 64, "second_reader": second}
        acquire.main(dataset("phantom", settings), 1, tmp_path / str(second))
        manifest = json.loads((tmp_path / str(second) / "manifest.json").read_text())
        counts.append(manifest["files"])
    assert counts == [27, 36]


def test_the_phantom_s_second_reader_is_written_beside_and_changes_nothing_else(tmp_path):
    common = {"cases": {"train": 3, "val": 3, "test": 3}, "size": 64}
    generate(tmp_path / "one", dataset("phantom", common), 1)
    generate(tmp_path / "two", dataset("phantom", {**common, "second_reader": True}), 1)
    first = {p.relative_to(tmp_path / "one"): p for p in (tmp_path / "one").rglob("*.png")}
    second = {p.relative_to(tmp_path / "two"): p for p in (tmp_path / "two").rglob("*.png")}
    assert {p.parent.name for p in set(second) - set(first)} == {"second reader masks"}
    assert all(second[name].read_bytes() == path.read_bytes() for name, path in first.items())
    settings = {"annotated_classes": ["COVID-19"], "image_size": 32}
    cases = index_cases(tmp_path / "two", dataset("phantom", settings))[0]
    for case in cases:
        expected = ["COVID-19"] if "COVID-19" in case.labels else []
        assert list(case.readers.get("second", {})) == expected
    for case in prepare_cases(cases, tmp_path / "two", dataset("table", settings)):
        for cls, reading in case.readers.get("second", {}).items():
            file = f"Infection Segmentation Data/{case.split.capitalize()}/{cls}"
            path = tmp_path / "two" / file / "second reader masks" / f"{case.case}.png"
            np.testing.assert_array_equal(decode(reading), cv2.imread(str(path), -1) > 0)


def test_two_readers_agree_as_people_do():
    scores = []
    for item in plan({"test": 60}, 4):
        made = make_image(item, dataset("phantom", {"size": 128, "second_reader": True}), 4)
        assert not (made.readers[SECOND_FOLDER] & ~made.lung).any()
        if item.label == "Normal":
            assert not made.readers[SECOND_FOLDER].any()
            continue
        assert made.readers[SECOND_FOLDER].any()
        both = (made.infection & made.readers[SECOND_FOLDER]).sum()
        scores.append(2 * both / (made.infection.sum() + made.readers[SECOND_FOLDER].sum()))
    assert 0.75 < np.mean(scores) < 0.95
    assert max(scores) < 1


def test_the_second_reading_repeats_and_is_not_asked_for_by_default():
    item = Plan("x", "p", "test", "COVID-19", 0)
    one, two = (
        make_image(item, dataset("phantom", {"size": 64, "second_reader": True}), 1)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.readers[SECOND_FOLDER], two.readers[SECOND_FOLDER])
    assert make_image(item, dataset("phantom", {"size": 64}), 1).readers == {}


def test_the_largest_lesion_is_never_overlooked():
    lung = np.ones((100, 100), bool)
    infection = np.zeros_like(lung)
    infection[10:40, 10:40] = True
    infection[60:66, 60:66] = True
    missed = 0
    for seed in range(60):
        second = second_reading(infection, lung, np.random.default_rng(seed))
        assert second[15:35, 15:35].mean() > 0.9
        missed += not second[60:66, 60:66].any()
    assert 1 <= missed <= 20
