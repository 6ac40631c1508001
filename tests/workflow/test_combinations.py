"""Other ways in: a table of 16-bit TIFFs, a loaded checkpoint, plugins, seeds, no classifier."""

import csv
import json

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from small_study import CONFIG, Study, copy_project

from fidelity.classifiers.architectures import build
from fidelity.explainers.registry import METHODS
from fidelity.maps import read_maps

pytestmark = pytest.mark.slow
PLUGINS = """
import torch


def gradient(classifier, image, target, seed, power):
    image = image.requires_grad_()
    classifier(image)[0, target].backward()
    return image.grad[0].abs().sum(0).pow(power).numpy()


def tiny(outputs):
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Linear(8, outputs),
    )


def smooth(outputs):
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2), torch.nn.SiLU(), torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(), torch.nn.Linear(8, outputs),
    )
"""


@pytest.fixture(scope="module")
def table_study(tmp_path_factory) -> Study:
    """A project with 27 cases in a table, in the project folder itself; no lung masks."""
    study = Study(tmp_path_factory.mktemp("table") / "project")
    copy_project(study.folder)
    rng = np.random.default_rng(0)
    (study.folder / "images").mkdir()
    with open(study.folder / "cases.csv", "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["case", "image", "split", "patient", "label", "mask:opacity"])
        for number in range(27):
            sick = number % 3 > 0
            split = ("train", "val", "test")[number % 9 // 3]
            image = rng.normal(20000, 900, (60, 80))
            mask = np.zeros((60, 80), np.uint8)
            if sick:
                y, x = rng.integers(10, 40), rng.integers(10, 60)
                mask[y : y + 14, x : x + 14] = 255
                image[mask > 0] += 9000
            name = f"images/case {number}.tiff"
            cv2.imwrite(str(study.folder / name), image.clip(0, 65535).astype(np.uint16))
            reference = f"images/{number}.png" if sick else ""
            if sick:
                cv2.imwrite(str(study.folder / reference), mask)
            label = "opacity" if sick else "clear"
            writer.writerow([f"case {number}", name, split, f"p{number}", label, reference])
    (study.folder / "mine.py").write_text(PLUGINS)
    torch.manual_seed(0)
    torch.save(build("resnet18", 2).state_dict(), study.folder / "weights.pt")
    return study


def _config(**changes) -> dict:
    dataset = {
        "source": "table", "root": ".", "table": "cases.csv", "image_size": 64,
        "annotated_classes": ["opacity"], "labels": {"opacity": "sick", "clear": "well"},
        "intensity": "percentile",
        "lung_masks": "none", "shards": {"train": 1, "val": 1, "test": 1},
    }  # fmt: skip
    explainers = {
        "gradcam": {"method": "gradcam"},
        "gradient": {"method": "plugin:gradient", "params": {"power": 1.0}},
        "noise": {"method": "random_superpixels"},
    }
    return {
        **CONFIG, "datasets": {"mine": dataset}, "explainers": explainers, "plugins": ["mine.py"],
        "explain": {"splits": ["train", "test"]}, **changes,
    }  # fmt: skip


def _scores(study: Study, path: str) -> pd.DataFrame:
    return pd.read_parquet(study.folder / "results/mine" / path / "half/default/scores.parquet")


def test_table_with_seeds_one_logit_a_loaded_checkpoint_and_a_plugin(table_study):
    config = _config(
        classifiers={
            "net": {
                "architecture": "resnet18", "head": "one_logit", "seeds": [1, 2],
                "training": {"epochs": 1},
            },
            "loaded": {
                "architecture": "resnet18", "weights": "weights.pt", "training": None,
                "classes": ["sick", "well"], "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
            },
            "tiny": {"architecture": "plugin:tiny", "training": {"epochs": 1}},
        }
    )  # fmt: skip
    table_study.write(config)
    table_study.snakemake("tables")
    assert table_study.jobs("tables") == {}
    for classifier in ("net-s1", "net-s2", "loaded", "tiny"):
        for explainer in ("gradcam", "gradient"):
            scores = _scores(table_study, f"{classifier}/{explainer}")
            assert set(scores.target_class) == {"sick"}
            assert set(scores["class"]) == {"opacity"}
            assert (scores.split == "test").sum() == 6
            assert (scores.status == "ok").all()
    one, two = (table_study.read(f"mine/net-s{seed}/predictions.csv") for seed in (1, 2))
    assert one != two
    table = pd.read_csv(table_study.folder / "results/mine/tables/comparisons.csv")
    assert set(table.classifier) == {"net-s1", "net-s2", "loaded", "tiny"}
    repeated = pd.read_csv(table_study.folder / "results/mine/tables/repeatability.csv")
    assert set(repeated.classifier) == {"net"}
    assert set(repeated.explainer) == {"gradcam", "gradient"}
    assert set(repeated.quantity) == {"spearman", "abs_spearman", "ssim", "mask_iou"}
    assert (repeated.n_seeds == 2).all()
    page = (table_study.folder / "results/mine/tables/tables.md").read_text()
    assert "Agreement between training seeds on mine, test split" in page
    # The order of classes is in question only where weights were loaded.
    order = pd.read_csv(table_study.folder / "results/mine/tables/class_order.csv")
    assert set(order.classifier) == {"loaded"}
    assert order[order.split == "test"]["class"].tolist() == ["sick", "well"]
    rated = pd.read_csv(table_study.folder / "results/mine/tables/classification.csv")
    auc = rated[(rated.metric == "macro_auc") & (rated.split == "test")]
    assert (auc.chance == 0.5).all()
    assert (auc.ci_low <= auc.ci_high).all()


def test_null_baselines_alone(table_study):
    config = _config(classifiers={})
    config["explainers"] = {"noise": {"method": "random_superpixels"}}
    table_study.write(config)
    table_study.snakemake()
    assert table_study.jobs() == {}
    table = pd.read_csv(table_study.folder / "results/mine/tables/localization.csv")
    assert set(table.classifier) == {"none"}
    verdict = json.loads(table_study.read("mine/tables/verdict.json"))
    told = [found["numbers"] for found in verdict["chapters"][0]["headline"]]
    (iou,) = table[
        (table.metric == "iou") & (table["class"] == "opacity") & (table.protocol == "default")
        & (table.split == "test")
    ]["mean"]  # fmt: skip
    assert [numbers["mean"] for numbers in told if "mean" in numbers] == [pytest.approx(iou)]
    assert (table_study.folder / "results/mine/figures/none/gallery-half.png").is_file()


def test_a_layer_sweep_has_its_table_and_figure(table_study):
    config = _config(classifiers={"net": {"architecture": "resnet18", "training": {"epochs": 1}}})
    config["explainers"] = {"cam": {"method": "gradcam", "layer": "all"}}
    config["explain"] = {"splits": ["test"]}
    table_study.write(config)
    figure = "results/mine/figures/net/layers.png"
    planned = table_study.plan()
    assert (planned["layers"], planned["figure_layers"]) == (1, 1)
    table_study.snakemake("results/mine/tables/layers.csv", figure)
    table = pd.read_csv(table_study.folder / "results/mine/tables/layers.csv")
    named = table.drop_duplicates("depth")[["layer", "height", "width"]]
    assert named.to_numpy().tolist() == [
        ["layer1", 16, 16], ["layer2", 8, 8], ["layer3", 4, 4], ["layer4", 2, 2],
    ]  # fmt: skip
    assert set(table.metric) >= {"iou", "roc_auc"}
    assert (table_study.folder / figure).with_suffix(".pdf").is_file()


def test_faithfulness_and_sanity_are_measured_where_they_are_asked_for(table_study):
    config = _config(classifiers={"net": {"architecture": "resnet18", "training": {"epochs": 1}}})
    metrics = ["deletion_auc", "insertion_auc", "road", "comprehensiveness", "sufficiency"]
    metrics += ["infidelity", "infidelity_relative", "sensitivity_max"]
    config["faithfulness"] = {"metrics": metrics, "steps": 4, "road_shares": [0.5]}
    config["faithfulness"]["sensitivity"] = {"samples": 2, "cases": 2}
    config["sanity"] = {"cases": 2, "layers": 2}
    del config["explainers"]["gradient"]
    table_study.write(config)
    plan = table_study.plan()
    assert (plan["faithfulness"], plan["sensitivity"], plan["sanity"]) == (2, 2, 1)
    figure = "results/mine/figures/net/sanity.png"
    joined = "results/mine/figures/net/faithfulness.png"
    table_study.snakemake("results/mine/tables/faithfulness.csv", figure, joined)
    folder = table_study.folder / "results/mine/tables"
    table = pd.read_csv(folder / "faithfulness.csv")
    assert set(table.explainer) == {"gradcam", "noise"}
    assert set(table.metric) == set(metrics)
    assert (table.n == np.where(table.metric == "sensitivity_max", 2, 6)).all()
    assert (table.n_undefined == 0).all()
    assert (table.loc[table.metric == "sensitivity_max", "mean"] > 0).all()
    assert table.loc[table.metric == "infidelity_relative", "mean"].between(0, 1).all()
    cases = pd.read_csv(folder / "faithfulness_cases.csv")
    assert len(cases) == 12
    assert set(cases.split) == {"test"}
    assert cases.iou.notna().all()
    sanity = pd.read_csv(folder / "sanity.csv")
    assert set(sanity.explainer) == {"gradcam"}
    assert {*zip(sanity.test, sanity.depth, strict=True)} == {
        ("parameters", 1), ("parameters", 2), ("logit", 0),
    }  # fmt: skip
    assert set(sanity.loc[sanity.depth == 1, "layer"]) == {"fc"}
    assert (table_study.folder / figure).with_suffix(".pdf").is_file()
    assert (table_study.folder / joined).with_suffix(".pdf").is_file()


def test_gradients_are_explained_and_networks_without_a_rule_stop_the_study(table_study):
    """Through the DAG, on a ResNet; a network whose name tells nothing is refused untrained."""
    config = _config(classifiers={"net": {"architecture": "resnet18", "training": {"epochs": 1}}})
    few = {
        "integrated_gradients": {"steps": 4},
        "smoothgrad": {"samples": 2},
        "gradient_shap": {"samples": 2},
    }
    methods = [name for name, method in METHODS.items() if method.family == "gradient"]
    assert len(methods) == 9
    config["explainers"] = {name: {"method": name, **few.get(name, {})} for name in methods}
    config["explainers"]["random"] = {"method": "random_weights", "of": {"method": "deeplift"}}
    config["explain"] = {"splits": ["test"]}
    table_study.write(config)
    files = [f"results/mine/net/{name}/maps/test-000.h5" for name in config["explainers"]]
    table_study.snakemake(*files)
    for file in files:
        records = list(read_maps(table_study.folder / file))
        assert [record.status for record in records] == ["ok"] * 6
        assert all(record.map.values.shape == (64, 64) for record in records)
        assert any(record.map.values.any() for record in records)
        if "deeplift" in file or "random" in file:
            errors = [abs(record.extras["completeness_error"]) for record in records]
            assert max(errors) < 1e-3
    smooth = {"architecture": "plugin:smooth", "training": {"epochs": 1}}
    config["classifiers"] = {"smooth": smooth}
    table_study.write(config)
    asked = "results/mine/smooth/gradient/maps/test-000.h5"
    assert "has no rule for SiLU" in table_study.snakemake(asked, expect=1)
    assert not (table_study.folder / "results/mine/smooth/model.safetensors").exists()
