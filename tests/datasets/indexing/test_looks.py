"""Near-duplicates across the data sets of one config."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

import near_duplicates_across as rule
from fidelity.base.errors import InputError
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.indexing.looks import read_looks, twins_across, write_looks
from fidelity.datasets.sources.phantom.published_layouts import write_as
from fidelity.settings.datasets import Dataset

# With these limits, the same phantom in another layout and size is a near-duplicate; others are
# not.
SAME = {"near_duplicate_correlation": 0.999, "near_duplicate_distance": 6}


def entry(source: str, root: Path, classes: list[str], **keys) -> Dataset:
    given = {"source": source, "root": str(root), "annotated_classes": classes, "image_size": 32}
    return Dataset.chosen(given | SAME | keys)


@pytest.fixture
def two(tmp_path):
    """Write the same nine phantoms as NIH and as YOLO. Their splits differ."""
    for layout in ("nih", "yolo"):
        write_as(layout, tmp_path / layout, {"train": 3, "test": 6}, seed=4)
    nih = entry("nih", tmp_path / "nih", ["Pneumonia"])
    keys = {"names": ["Mass", "Nodule"], "duplicates": "keep"}
    return tmp_path, nih, entry("yolo", tmp_path / "yolo", ["Mass"], **keys)


def test_pairs_are_found_reported_and_excluded_from_training(two):
    root, nih, yolo = two
    for name, one in (("nih", nih), ("yolo", yolo)):
        write_looks(root / f"{name}.npz", index_cases(root / name, one).looks)
    found = {name: read_looks(root / f"{name}.npz") for name in ("nih", "yolo")}
    pairs = list(twins_across(found, 6, 0.999))
    assert len({pair.case for pair in pairs}) == len({pair.twin for pair in pairs}) == 9
    rule.main([root / "nih.npz", root / "yolo.npz"], ["nih", "yolo"], 6, 0.999, root / "a.csv")
    with open(root / "a.csv") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(pairs)
    assert {(row["dataset"], row["twin_dataset"]) for row in rows} == {("nih", "yolo")}
    # On request, training images are left out if another data set is tested on them.
    asked = yolo.model_copy(update={"near_duplicates_of": ["nih"]})
    before = index_cases(root / "yolo", yolo)[0]
    after, left_out, *_ = index_cases(root / "yolo", asked, others={"nih": root / "nih.npz"})
    tested = {pair.twin for pair in pairs if pair.split != "train"}
    gone = {case.case for case in before} - {case.case for case in after}
    assert gone == {case.case for case in before if case.split != "test"} & tested
    assert {entry.cause for entry in left_out} <= {"near_duplicates_of"}
    assert all(entry.on_purpose for entry in left_out)


def test_a_training_image_goes_that_another_data_set_is_tested_on(two):
    root, nih, _ = two
    # All of YOLO's images are in training. NIH tests on six of them.
    (root / "flat").mkdir()
    for path in (root / "yolo").glob("*/*/*"):
        folder = root / "flat" / path.parts[-3] / "train"
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
    write_looks(root / "nih.npz", index_cases(root / "nih", nih).looks)
    asked = entry(
        "yolo", root / "flat", ["Mass"], names=["Mass", "Nodule"], near_duplicates_of=["nih"]
    )
    cases, left_out, *_ = index_cases(root / "flat", asked, others={"nih": root / "nih.npz"})
    assert (len(cases), len(left_out)) == (3, 6)
    assert "in test of nih (hash distance" in " ".join(one.reason for one in left_out)


def test_data_sets_that_are_not_compared_have_no_looks(two):
    root, nih, _ = two
    off = nih.model_copy(update={"near_duplicates": "off"})
    write_looks(root / "n.npz", index_cases(root / "nih", off).looks)
    assert read_looks(root / "n.npz").thumbnails.shape == (0, 32, 32)
    (root / "n.npz").write_bytes(b"no")
    with pytest.raises(InputError, match="cannot be read"):
        read_looks(root / "n.npz")


def test_an_unrelated_image_is_no_twin(two, tmp_path):
    root, nih, _ = two
    write_looks(root / "nih.npz", index_cases(root / "nih", nih).looks)
    rng = np.random.default_rng(0)
    (root / "other").mkdir()
    cv2.imwrite(str(root / "other" / "x.png"), rng.integers(0, 255, (64, 64), np.uint8))
    (root / "other" / "x.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    other = entry("yolo", root / "other", ["Mass"], names=["Mass"])
    write_looks(root / "o.npz", index_cases(root / "other", other).looks)
    found = {name: read_looks(root / f"{name}.npz") for name in ("nih", "o")}
    assert list(twins_across(found, 24, 0.97)) == []
