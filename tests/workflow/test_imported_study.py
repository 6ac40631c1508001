"""Maps made elsewhere are scored without a classifier: from files to tables and verdict."""

import csv
import json
import os

import cv2
import numpy as np
import pandas as pd
import pytest

from fidelity.masks.run_lengths import encode, write_masks
from tests.helpers.small_study import CONFIG, Study, copy_project

pytestmark = pytest.mark.slow
SIZE = (60, 80)
SCORES = "results/mine/none/good/half/default/scores.parquet"


@pytest.fixture(scope="module")
def imported_study(tmp_path_factory) -> Study:
    """Run twelve images of one opacity. One method finds it, and one marks the other side."""
    study = Study(tmp_path_factory.mktemp("imported") / "project")
    copy_project(study.folder)
    rng = np.random.default_rng(0)
    for name in ("images", "maps", "maps/good"):
        (study.folder / name).mkdir()
    bad = {}
    with open(study.folder / "cases.csv", "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["case", "image", "split", "patient", "label", "mask:opacity"])
        for number in range(12):
            image = rng.integers(20, 90, SIZE).astype(np.uint8)
            mask = np.zeros(SIZE, np.uint8)
            y, x = rng.integers(5, 40), rng.integers(5, 25)
            mask[y : y + 14, x : x + 14] = 255
            name, reference = f"images/{number}.png", f"images/{number} mask.png"
            cv2.imwrite(str(study.folder / name), image)
            cv2.imwrite(str(study.folder / reference), mask)
            writer.writerow([f"c{number}", name, "test", f"p{number}", "opacity", reference])
            grid = cv2.resize(mask, (40, 30), interpolation=cv2.INTER_AREA).astype(np.float32)
            np.save(study.folder / f"maps/good/c{number}.npy", grid + rng.random((30, 40)))
            bad[f"c{number}"] = {"opacity": encode(mask[:, ::-1] > 0)}
    write_masks(study.folder / "maps/bad.json", bad)
    dataset = {
        "source": "table", "root": ".", "table": "cases.csv", "image_size": 64,
        "annotated_classes": ["opacity"], "lung_masks": "none",
        "shards": {"train": 1, "val": 1, "test": 2},
    }  # fmt: skip
    config = {
        **CONFIG,
        "datasets": {"mine": dataset},
        "classifiers": {},
        "explainers": {
            "good": {"method": "imported", "folder": "maps/good", "pattern": "{case}.npy"},
            "bad": {"method": "imported", "file": "maps/bad.json"},
            "centre": {"method": "centre_prior"},
        },
    }
    study.write(config)
    study.config = config
    return study


def test_without_a_classifier(imported_study):
    study = imported_study
    study.snakemake()
    table = pd.read_csv(study.folder / "results/mine/tables/localization.csv")
    iou = table[(table.metric == "iou") & (table["class"] == "opacity")].set_index("explainer")
    assert (iou.n == 12).all()
    assert iou.loc["good", "mean"] > 0.8
    assert iou.loc["bad", "mean"] == 0  # references are only in the left half
    verdict = json.loads(study.read("mine/tables/verdict.json"))
    said = json.dumps(verdict, ensure_ascii=False)
    assert "good" in said
    assert "bad" in said
    text = study.read("mine/tables/verdict.md").decode()
    # Two imported explainers count as real explainers, so they are compared with each other.
    compared = pd.read_csv(study.folder / "results/mine/tables/comparisons.csv")
    pair = compared[
        compared.explainer_a.isin(["good", "bad"])
        & compared.explainer_b.isin(["good", "bad"])
        & (compared.family == "primary")
    ]
    assert len(pair) == 1
    assert "Good scored higher than Bad (" in text
    assert study.jobs() == {}


def test_changed_maps_run_what_depends_on_them(imported_study):
    study = imported_study
    path = study.folder / "maps/good/c3.npy"
    before = study.read("mine/none/good/half/default/scores.parquet")
    kept = study.read("mine/none/bad/half/default/scores.parquet")
    np.save(path, np.eye(30, 40))
    ran = study.jobs(SCORES)
    assert ran["check_imported"] == 1
    assert ran["explain"] == 2
    assert ran["binarize"] == 1
    assert study.read("mine/none/good/half/default/scores.parquet") != before
    assert study.read("mine/none/bad/half/default/scores.parquet") == kept


def test_a_missing_map_is_told_before_anything_is_explained(imported_study):
    study = imported_study
    path = study.folder / "maps/good/c5.npy"
    os.rename(path, path.with_suffix(".away"))
    printed = study.snakemake(SCORES, expect=1)
    assert "c5.npy" in printed
    assert "missing: skip" in printed
    assert "Rule: explain)" not in printed
    os.rename(path.with_suffix(".away"), path)
