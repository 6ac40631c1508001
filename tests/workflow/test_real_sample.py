"""The workflow on real chest X-rays, if available: twelve cases per class and split."""

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

from tests.helpers import ROOT
from tests.helpers.small_study import Study, copy_project

SAMPLE = ROOT.parent / "shared" / "data" / "covid_qu_ex_sample"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SAMPLE.is_dir(), reason="no real chest X-rays at ../shared/data"),
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Study:
    """Run the project's config of COVID-QU-Ex, made small, from start to report."""
    study = Study(tmp_path_factory.mktemp("real") / "project")
    copy_project(study.folder)
    config = yaml.safe_load((ROOT / "config" / "covid_qu_ex.yaml").read_text())
    dataset = config["datasets"]["covid_qu_ex"]
    dataset |= {"limit": 12, "image_size": 64, "shards": {"train": 1, "val": 1, "test": 2}}
    config["classifiers"]["resnet18"]["training"] |= {"epochs": 1}
    config["explainers"]["lime"]["samples"] = 30
    config["statistics"] = {"replicates": 200}
    config["classifiers"]["resnet18"]["seeds"] = [1]
    kept = ("lime", "gradcam", "lung_mask", "unet")
    config["explainers"] = {name: config["explainers"][name] for name in kept}
    config["explainers"]["unet"]["epochs"] = 2
    config["binarizations"] = {name: config["binarizations"][name] for name in ("fixed50", "tuned")}
    config["protocols"] = ["default", "seed"]
    config["compute"]["threads"] = 1  # two networks at a time, next to other tests
    study.write(config)
    study.snakemake("--config", f"data_root={SAMPLE}")
    study.snakemake("--config", f"data_root={SAMPLE}", "--report", "report.html")
    return study


def test_all_annotated_cases_are_scored(sample):
    table = pd.read_csv(sample.folder / "results/covid_qu_ex/tables/localization.csv")
    iou = table[table.metric == "iou"]
    assert set(iou["class"]) == {"COVID-19"}
    assert (iou.n == 12).all()
    assert (sample.folder / "report.html").stat().st_size > 100_000


def test_the_whole_lung_scores_what_the_files_say(sample):
    """The null baseline is recomputed from the data set's own PNGs."""
    path = "results/covid_qu_ex/none/lung_mask/fixed50/default/scores.parquet"
    scores = pd.read_parquet(sample.folder / path).set_index("case")
    assert set(scores.split) == {"val", "test"}
    for case, row in scores.iterrows():
        split = row.split.capitalize()
        folder = SAMPLE / "Infection Segmentation Data" / split / "COVID-19"
        lung, infection = (
            cv2.imread(str(folder / kind / f"{case}.png"), cv2.IMREAD_GRAYSCALE) > 0
            for kind in ("lung masks", "infection masks")
        )
        expected = (lung & infection).sum() / (lung | infection).sum()
        assert row.iou == pytest.approx(expected, abs=1e-12)
        assert row.recall == pytest.approx(1, abs=1e-12)
    assert np.isfinite(scores.hausdorff_full).all()
    quarantine = (sample.folder / "results/covid_qu_ex/quarantine.csv").read_text()
    assert len(quarantine.splitlines()) == 1
