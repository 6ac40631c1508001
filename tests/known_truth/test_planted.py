"""A mark is planted into the images of any data set, and decides their labels."""

import dataclasses
import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest

import known_truth_accuracy
import known_truth_scores
from fidelity.classifiers.model import Classifier
from fidelity.datasets import planted
from fidelity.datasets.cases import write_cases
from fidelity.datasets.indexing.index import index_cases
from fidelity.datasets.prepare import prepare_cases
from fidelity.datasets.prepared import write_prepared
from fidelity.datasets.sources.phantom.phantom import generate
from fidelity.known_truth.dependence import refusal
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, write_maps
from tests.helpers.entries import dataset
from tests.known_truth.test_known_truth import FindsTheMark

SIDE = 96
COMPUTE = {"threads": 1, "batch": 5, "device": "cpu", "dtype": "float32"}
KINDS = {
    "mark": {"kind": "mark", "strength": 0.1},
    "texture": {"kind": "texture", "strength": 0.1},
}


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    """Create a data set without marks: its folder, relabelled cases and unmarked images."""
    folder = tmp_path_factory.mktemp("planted")
    root = folder / "raw/data"
    own = {"cases": {"train": 3, "val": 3, "test": 30}, "size": SIDE, "contrast": 1.0}
    generate(root, dataset("phantom", own), seed=1)
    entry = dataset("phantom", {"annotated_classes": ["COVID-19"], "image_size": SIDE})
    cases, _, classes, *_ = index_cases(root, entry)
    cases, classes = planted.relabelled(cases, classes)
    cases = [case for case in cases if case.split == "test"]
    write_cases(folder / "cases.csv", cases)
    (folder / "classes.json").write_text(json.dumps(classes))
    return folder, cases, list(prepare_cases(cases, root, entry))


def test_the_label_says_nothing_of_the_disease(chests):
    folder, cases, _ = chests
    classes = json.loads((folder / "classes.json").read_text())
    assert classes["classes"] == ["marked", "unmarked"]
    assert classes["labels"]["COVID-19"] == "marked"
    both = Counter((case.case.split("_")[0], case.labels[0]) for case in cases)
    diseases = {disease for disease, _ in both}
    assert len(diseases) == 3
    assert set(both) == {(d, label) for d in diseases for label in ("marked", "unmarked")}
    many = [dataclasses.replace(cases[0], case=f"c{number}") for number in range(2000)]
    labels = Counter(case.labels[0] for case in planted.relabelled(many, classes)[0])
    assert 900 < labels["marked"] < 1100


def test_only_marked_images_have_references_and_are_explained(chests):
    _, cases, prepared = chests
    with_lesion = [case for case in cases if case.case.startswith("covid")]
    assert {bool(case.masks) for case in with_lesion if case.labels == ("marked",)} == {True}
    assert not any(case.masks for case in cases if case.labels == ("unmarked",))
    assert not any(case.references for case in prepared if case.labels == ("unmarked",))


@pytest.mark.parametrize("kind", KINDS)
def test_a_mark_changes_its_place_alone(chests, kind):
    _, _, prepared = chests
    for case in prepared:
        shown = planted.plant(case, KINDS[kind])
        changed = shown.image != case.image
        mark = planted.mark_of(shown, KINDS[kind])
        if case.labels == ("unmarked",):
            assert mark is None
            assert not changed.any()
            continue
        assert mark.shape == case.native_size  # here, this is the size of the image
        assert not (changed & ~mark).any()
        assert changed.sum() > 0.5 * mark.sum()
        if kind == "mark":
            assert not (mark & case.lung).any()
        else:
            assert mark.sum() > 40
            assert not (mark & ~case.lung).any()
            difference = shown.image.astype(float) - case.image
            assert abs(difference).max() <= 0.1 * 255 + 1
            assert abs(difference[mark].mean()) < 6  # a pattern without a change of brightness


def test_the_place_is_that_of_the_region_that_is_shown(chests):
    _, _, prepared = chests
    case = next(case for case in prepared if case.labels == ("marked",))
    cropped = dataclasses.replace(
        case, native_size=(SIDE + 40, SIDE + 20), box=(30, 10, SIDE + 30, SIDE + 10)
    )
    whole, part = (planted.mark_of(one, KINDS["mark"]) for one in (case, cropped))
    assert np.array_equal(part[30 : SIDE + 30, 10 : SIDE + 10], whole)
    assert part.sum() == whole.sum()


def write_shard(folder, prepared, entry):
    shown = [planted.plant(case, entry) for case in prepared]
    write_prepared(folder / "test.h5", shown, {"image_size": SIDE, "classes": ["marked"]})
    return shown


def test_accuracy_falls_to_chance_without_the_mark(chests, tmp_path, monkeypatch):
    import fidelity.classifiers.weights.own_format as store

    folder, cases, prepared = chests
    classifier = Classifier(
        FindsTheMark(), "own", ("marked", "unmarked"), "softmax", 3, (0.0,) * 3, (1.0,) * 3,
        image_size=SIDE,
    ).eval()  # fmt: skip
    monkeypatch.setattr(store, "load", lambda *_, **__: classifier)
    write_shard(tmp_path, prepared, KINDS["mark"])
    entry = dataset("phantom", {"annotated_classes": ["COVID-19"], "image_size": SIDE})
    known_truth_accuracy.main(
        [str(tmp_path / "test.h5")], str(folder / "raw"), "model", str(folder / "classes.json"),
        "COVID-19", COMPUTE, [], str(tmp_path / "accuracy.csv"), planted=KINDS["mark"],
        settings={**entry.model_dump(), "planted": KINDS["mark"]}, cases=str(folder / "cases.csv"),
    )  # fmt: skip
    row = pd.read_csv(tmp_path / "accuracy.csv").iloc[0]
    marked = sum(case.labels == ("marked",) for case in cases)
    assert (row["n"], row["n_marked"]) == (30, marked)
    assert row["accuracy"] == row["follows_mark"] == 1
    assert row["accuracy_erased"] == 1 - marked / 30
    assert refusal(dict(row), 0.9, 0.05) is None


def test_scores_are_of_the_mark_and_of_the_lesion(chests, tmp_path):
    folder, _, prepared = chests
    shown = write_shard(tmp_path, prepared, KINDS["texture"])
    records = []
    for case in shown:
        mark = planted.mark_of(case, KINDS["texture"])
        if mark is not None and case.references:
            values = SaliencyMap("dense", mark.astype(np.float32))
            records.append(MapRecord(case.case, "COVID-19", "marked", "ok", "", 0.1, {}, values))
    assert records
    write_maps(tmp_path / "maps.h5", records, {})
    known_truth_scores.main(
        [str(tmp_path / "maps.h5")], [str(tmp_path / "test.h5")], str(folder / "raw"),
        str(folder / "classes.json"), "COVID-19", "original", "positive",
        str(tmp_path / "scores.parquet"), planted=KINDS["texture"],
    )  # fmt: skip
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert scores["truth"].value_counts().to_dict() == {
        "mark": len(records), "lesion": len(records),
    }  # fmt: skip
    of_mark = scores[scores["truth"] == "mark"]
    assert (of_mark[["roc_auc", "pointing_game", "relevance_rank"]] == 1).all(axis=None)
    assert (scores[scores["truth"] == "lesion"]["relevance_rank"] < 1).all()
