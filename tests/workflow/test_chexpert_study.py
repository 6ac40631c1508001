"""CheXpert and CheXlocalize in the whole workflow: generated files, and one real image."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fidelity.masks.run_lengths import decode, read_masks
from tests.helpers import ROOT
from tests.helpers.chexpert_data import HEIGHT, PLACES, WIDTH, disc, write_chexpert
from tests.helpers.small_study import Study, copy_project

SAMPLE = ROOT.parent / "shared" / "data" / "chexlocalize_sample"
COUNTS = {"train": 32, "valid": 8, "test": 16}
CLASSES = ["Cardiomegaly", "Airspace Opacity", "Edema"]
pytestmark = pytest.mark.slow


def real_config() -> dict:
    """Read the project's own config of CheXlocalize."""
    return yaml.safe_load((ROOT / "config" / "chexlocalize.yaml").read_text())


def small_config() -> dict:
    """Return the same config for a small study."""
    config = real_config()
    config["datasets"]["chexlocalize"] |= {
        "root": "data",
        "human_benchmark": {"segmentations": "hb_masks.json", "points": "hb_points.json"},
        "image_size": 64,
        "annotated_classes": CLASSES,
        "shards": {"train": 2, "val": 1, "test": 2},
    }
    config["data_root"] = "."
    config["classifiers"]["densenet121"] |= {"architecture": "resnet18", "weights": None}
    config["classifiers"]["densenet121"] |= {"seeds": [1]}
    config["classifiers"]["densenet121"]["training"] |= {"epochs": 1}
    config["explainers"]["lime"]["samples"] = 20
    kept = ("gradcam", "lime", "centre_prior")
    config["explainers"] = {name: config["explainers"][name] for name in kept}
    config["explainers"]["human"] = {"method": "second_reader"}
    kept = ("tuned", "fixed50")
    config["binarizations"] = {name: config["binarizations"][name] for name in kept}
    config["statistics"] = {"replicates": 200}
    config["figures"] = {"gallery_cases": 1, "dpi": 60}
    config["protocols"] = ["default", "chexlocalize"]
    config["compute"] = {"threads": 1, "batch": 8}
    return copy.deepcopy(config)


def write_benchmark(root: Path) -> None:
    """Write readers who draw the reference itself and point at it, but miss every edema."""
    shutil.copy(root / "gt_segmentations_test.json", root / "hb_masks.json")
    places = {name.replace("Lung", "Airspace"): [x, y] for name, (y, x) in PLACES.items()}
    points = {
        case: {
            name: [[0.5, 0.5] if name == "Edema" else places[name]]
            for name, rle in by_class.items()
            if decode(rle).any()
        }
        for case, by_class in read_masks(root / "hb_masks.json").items()
    }
    (root / "hb_points.json").write_text(json.dumps(points))


@pytest.fixture(scope="module")
def chexpert(tmp_path_factory) -> Study:
    """Run the study on generated files from start to verdict and figures, without the notebook."""
    study = Study(tmp_path_factory.mktemp("chexpert") / "project")
    copy_project(study.folder)
    write_benchmark(write_chexpert(study.folder / "data", COUNTS))
    study.write(small_config())
    study.snakemake("tables", "figures")
    return study


def table(study: Study, path: str) -> pd.DataFrame:
    path = study.folder / "results" / "chexlocalize" / path
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def test_every_drawn_finding_is_explained_and_scored(chexpert):
    published = {}
    for split in ("val", "test"):
        published |= read_masks(chexpert.folder / "data" / f"gt_segmentations_{split}.json")
    expected = {
        (case, name)
        for case, by_class in published.items()
        for name, rle in by_class.items()
        if decode(rle).any()
    }
    assert len(expected) == 36  # half of three findings on 24 images
    for explainer in ("densenet121/gradcam", "densenet121/lime", "none/centre_prior"):
        scores = table(chexpert, f"{explainer}/tuned/default/scores.parquet")
        assert set(zip(scores.case, scores["class"], strict=True)) == expected
        assert (scores.status == "ok").all()
        assert (scores.image_area == HEIGHT * WIDTH).all()
        area = [disc(name.replace("Airspace", "Lung")).sum() for name in scores["class"]]
        assert scores.reference_area.tolist() == area
        # Each map is for the class whose mask is used to score it.
        assert (scores.target_class == scores["class"]).all()


def test_each_class_has_a_threshold_of_its_own(chexpert):
    for explainer in ("densenet121/gradcam", "none/centre_prior"):
        found = table(chexpert, f"{explainer}/tuned/thresholds.csv").set_index("class")
        assert sorted(found.index) == sorted(CLASSES)
        assert (found.n == 4).all()
        status = table(chexpert, f"{explainer}/tuned/masks_status.csv")
        assert status.groupby("class").threshold.nunique().eq(1).all()
        for name, row in found.iterrows():
            used = status.loc[status["class"] == name, "threshold"].iloc[0]
            assert used == pytest.approx(row.threshold, abs=1e-6)
    # The centre prior's best threshold depends on the position of a finding.
    assert found.threshold.nunique() > 1


def test_predictions_are_one_probability_per_class(chexpert):
    found = table(chexpert, "densenet121/predictions.csv")
    assert set(found["class"]) == set(CLASSES)
    expected = 1 / (1 + np.exp(-found.logit))
    np.testing.assert_allclose(found.probability, expected, atol=1e-6)
    assert not np.allclose(found.groupby("case").probability.sum(), 1, atol=0.01)
    rated = table(chexpert, "tables/classification.csv")
    test = rated[rated.split == "test"].set_index(["class", "metric"])
    assert test.loc[("Edema", "support"), "value"] == 8
    assert ("all", "subset_accuracy") in test.index
    confusion = table(chexpert, "tables/confusion.csv")
    assert set(confusion["true"]) == {*CLASSES, *(f"not {name}" for name in CLASSES)}


def test_tables_and_verdict_name_every_class(chexpert):
    means = table(chexpert, "tables/localization.csv")
    iou = means[(means.metric == "iou") & (means.protocol == "chexlocalize")]
    assert set(iou["class"]) == {*CLASSES, "all"}
    alone = iou[(iou.split == "test") & (iou["class"] != "all")]
    assert (alone.n == 8).all()
    verdict = (chexpert.folder / "results/chexlocalize/tables/verdict.md").read_text()
    assert "Grad-CAM" in verdict


def test_the_export_lies_beside_the_scores_of_the_protocol(chexpert):
    folder = "results/chexlocalize/none/centre_prior/fixed50"
    chexpert.snakemake(f"{folder}/export-chexlocalize")
    written = chexpert.folder / folder
    assert len(read_masks(written / "export-chexlocalize/test.json")) > 0
    assert (written / "chexlocalize/scores.parquet").is_file()


def test_the_human_benchmark_is_beside_the_explainers(chexpert):
    rates = table(chexpert, "tables/human_benchmark.csv").set_index("class")
    assert (rates.split == "test").all()
    assert rates.loc[CLASSES, "mean"].tolist() == [1, 1, 0]
    assert rates.loc["all", ["n", "mean"]].tolist() == [24, pytest.approx(2 / 3)]
    scores = table(chexpert, "none/human/fixed50/default/scores.parquet")
    assert len(scores) == 24
    assert (scores.iou == 1).all()


def test_uncertain_as_a_third_state_runs(chexpert):
    config = small_config()
    config["datasets"] = {
        "three": config["datasets"]["chexlocalize"] | {"uncertain": "multi-class"}
    }
    chexpert.write(config, "three.yaml")
    target = "results/three/densenet121/gradcam/fixed50/default/scores.parquet"
    chexpert.snakemake(target, "--configfile", "three.yaml")
    scores = pd.read_parquet(chexpert.folder / target)
    assert len(scores) == 36
    assert np.isfinite(scores.iou).all()


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="no real image at ../shared/data")
def test_the_real_image_is_a_study_of_its_own(tmp_path):
    """With one image in one split, thresholds are fixed and the classifier is loaded."""
    import torch

    from fidelity.classifiers.architectures import build

    study = Study(tmp_path / "project")
    copy_project(study.folder)
    names = ["Enlarged Cardiomediastinum", "Cardiomegaly", "Airspace Opacity"]
    torch.manual_seed(0)
    torch.save(build("resnet18", 3).state_dict(), study.folder / "model.pt")
    config = small_config()
    config["datasets"]["chexlocalize"] |= {"root": ".", "annotated_classes": names}
    config["classifiers"] = {
        "net": {
            "architecture": "resnet18",
            "weights": "model.pt",
            "training": None,
            "classes": names,
        }
    }
    config["explain"] = {"splits": ["val"]}
    config["binarizations"] = {"fixed50": config["binarizations"]["fixed50"]}
    del config["datasets"]["chexlocalize"]["human_benchmark"], config["explainers"]["human"]
    study.write(config)
    study.snakemake("--config", f"data_root={SAMPLE}")
    scores = table(study, "none/centre_prior/fixed50/chexlocalize/scores.parquet")
    assert scores["class"].tolist() == sorted(names)
    assert (scores.image_area == 2320 * 2828).all()
    published = read_masks(SAMPLE / "gt_segmentations_val.json")[scores.case[0]]
    areas = [decode(published[name]).sum() for name in sorted(names)]
    assert scores.reference_area.tolist() == areas
