"""Measurement through the DAG: tuning, diagnostics, baselines, ceilings and protocols."""

import copy
import json

import numpy as np
import pandas as pd
import pytest

from tests.helpers.small_study import CONFIG as SMALL
from tests.helpers.small_study import Study, copy_project

pytestmark = pytest.mark.slow
LUNG = {"lung": True, "median": 5}
CONFIG = {
    **SMALL,
    "datasets": {
        "phantom": {
            "source": "phantom",
            "cases": {"train": 18, "val": 9, "test": 18},
            "size": 96,
            "second_reader": True,
            "pixel_spacing": 0.5,
            "image_size": 64,
            "annotated_classes": ["COVID-19", "Non-COVID"],
            "shards": {"train": 2, "val": 1, "test": 1},
        }
    },
    "explainers": {
        "gradcam": {"method": "gradcam"},
        "lung": {"method": "lung_mask"},
        "mean": {"method": "mean_mask", "align": "lung_box"},
        "chance": {"method": "random_weights", "of": {"method": "gradcam"}},
        "unet": {"method": "unet", "epochs": 1},
        "reader": {"method": "second_reader"},
    },
    "explain": {"splits": ["val", "test"]},
    "binarizations": {
        "tuned": {"method": "tuned"},
        "study": {
            "method": "per_explainer",
            "otherwise": {"binarization": {"method": "fixed", "threshold": 0.5}},
            "explainers": {
                "gradcam": {
                    "binarization": {"method": "fixed", "threshold": 0.6},
                    "postprocess": LUNG,
                }
            },
        },
        "oracle": {"method": "oracle"},
        "area": {"method": "area_matched"},
    },
    "protocols": ["default", "seed", "surface-distance"],
    "statistics": {"replicates": 200, "permutations": 199},
}
EXPLAINERS = list(CONFIG["explainers"])
PARTS = {name: "net" if name in ("gradcam", "chance") else "none" for name in EXPLAINERS}
# No table needs these files. They are requested by name, so that `sweep` is tested.
CURVES = [f"results/phantom/{part}/{name}/curves.parquet" for name, part in PARTS.items()]


@pytest.fixture(scope="module")
def instrument(tmp_path_factory) -> Study:
    """Compute the study's tables once from nothing. The tests change the study in their order."""
    study = Study(tmp_path_factory.mktemp("instrument") / "project")
    copy_project(study.folder)
    study.write(CONFIG)
    study.snakemake("tables", *CURVES)
    return study


def _scores(study, explainer, binarization, protocol="default") -> pd.DataFrame:
    folder = study.folder / "results/phantom" / PARTS[explainer] / explainer
    path = folder / binarization / protocol / "scores.parquet"
    return pd.read_parquet(path).set_index(["case", "class"])


def _ranking(study, explainer) -> pd.DataFrame:
    path = study.folder / "results/phantom" / PARTS[explainer] / explainer / "ranking.parquet"
    return pd.read_parquet(path).set_index(["case", "class"])


def test_what_sees_the_reference_agrees_with_the_maps_own_scores(instrument):
    for explainer in ("gradcam", "mean", "unet"):
        of_map = _ranking(instrument, explainer)
        area, oracle = (_scores(instrument, explainer, name) for name in ("area", "oracle"))
        np.testing.assert_allclose(area["dice"], of_map["relevance_rank"], atol=1e-12)
        np.testing.assert_allclose(oracle["iou"], of_map["best_iou"], atol=1e-12)
        assert (oracle["iou"] >= _scores(instrument, explainer, "tuned")["iou"] - 1e-12).all()


def test_the_tuned_threshold_is_the_best_of_the_validation_curve(instrument):
    folder = instrument.folder / "results/phantom/net/gradcam"
    tuned = pd.read_csv(folder / "tuned/thresholds.csv").set_index("class")
    curves = pd.read_parquet(folder / "curves.parquet")
    val = curves[(curves["split"] == "val") & ~curves["reference_empty"]]
    means = val.groupby(["class", "threshold"])["iou"].mean()
    for cls, row in tuned.iterrows():
        assert row["threshold"] == pytest.approx(means[cls].drop(1.0).idxmax())
        assert row["mean"] == pytest.approx(means[cls].max())
    status = pd.read_csv(folder / "tuned/masks_status.csv").set_index("class")
    for cls, row in tuned.iterrows():
        assert (status.loc[[cls], "threshold"] == row["threshold"]).all()


def test_a_study_s_own_rule_and_post_processing_reach_their_explainer_alone(instrument):
    status = instrument.folder / "results/phantom/net"
    for explainer, threshold in (("gradcam", 0.6), ("chance", 0.5)):
        table = pd.read_csv(status / explainer / "study/masks_status.csv")
        assert (table["threshold"] == threshold).all()


def test_a_binary_map_scores_the_same_under_every_rule(instrument):
    expected = _scores(instrument, "lung", "tuned")["iou"]
    for binarization in ("study", "oracle", "area"):
        np.testing.assert_array_equal(_scores(instrument, "lung", binarization)["iou"], expected)


def test_the_second_reader_agrees_better_than_the_lung(instrument):
    reader, lung = (_scores(instrument, name, "tuned")["iou"].mean() for name in ("reader", "lung"))
    assert reader > 0.5 > lung


def test_distances_have_their_units(instrument):
    scores = _scores(instrument, "lung", "tuned")
    np.testing.assert_allclose(scores["hausdorff_full_mm"], scores["hausdorff_full"] * 0.5)
    diagonal = np.hypot(96, 96)
    np.testing.assert_allclose(
        scores["hausdorff_full_diagonal"], scores["hausdorff_full"] / diagonal
    )


def test_protocols_define_their_metrics(instrument):
    table = pd.read_csv(instrument.folder / "results/phantom/tables/localization.csv")
    table["metric"] = table["metric"].str.replace("_(mm|diagonal)$", "", regex=True)
    metrics = table.groupby("protocol")["metric"].agg(set)
    assert metrics["seed"] == {"iou", "dice", "hausdorff_full"}
    assert "iou" not in metrics["surface-distance"]


def test_families_of_comparisons(instrument):
    table = pd.read_csv(instrument.folder / "results/phantom/tables/comparisons.csv")
    primary = table[table["family"] == "primary"]
    assert set(primary["binarization"]) == {"tuned"}
    assert set(primary["protocol"]) == {"default"}
    assert set(primary["metric"]) == {"iou"}
    assert set(primary["split"]) == {"test"}
    pairs = len(EXPLAINERS) * (len(EXPLAINERS) - 1) // 2
    assert (primary.groupby("class").size() == pairs).all()
    diagnostic = table[table["binarization"].isin(["oracle", "area"])]
    assert set(diagnostic["family"]) == {"diagnostic"}
    ranks = pd.read_csv(instrument.folder / "results/phantom/tables/ranks.csv")
    assert not {"oracle", "area"} & set(ranks["binarization"])


def test_the_verdict_leaves_out_what_sees_the_reference(instrument):
    folder = instrument.folder / "results/phantom/tables"
    text = (folder / "verdict.md").read_text()
    assert "lung" in text
    assert "oracle" not in text
    assert "trained once (one seed)" in text
    # After one epoch the network is not better than chance, so its explainers are not judged.
    (chapter,) = json.loads((folder / "verdict.json").read_text())["chapters"]
    assert chapter["quality"]["status"] == "no_better_than_chance"
    assert not chapter["quality"]["concludes"]
    assert "gradcam" not in text


def test_a_changed_tuning_touches_the_tuned_masks_alone(instrument):
    config = copy.deepcopy(CONFIG)
    config["binarizations"]["tuned"]["metric"] = "dice"
    instrument.write(config)
    jobs = instrument.jobs("tables", *CURVES)
    assert jobs["tune"] == len(EXPLAINERS)
    assert not {"explain", "fit", "sweep", "rank", "train"} & set(jobs)


def test_a_changed_ceiling_is_fitted_again_alone(instrument):
    config = copy.deepcopy(CONFIG)
    config["binarizations"]["tuned"]["metric"] = "dice"
    config["explainers"]["unet"]["channels"] = 8
    instrument.write(config)
    jobs = instrument.jobs("tables", *CURVES)
    assert jobs["fit"] == 1
    assert jobs["explain"] == 2
    assert "train" not in jobs


def test_tuning_without_a_validation_split_is_refused_before_the_work(instrument):
    config = {**CONFIG, "explain": {"splits": ["test"]}}
    instrument.write(config)
    assert "explain.splits" in instrument.snakemake("-n", expect=1)
