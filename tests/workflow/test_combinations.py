"""Other inputs: a table of 16-bit TIFFs, a loaded checkpoint, plugins, seeds, no classifier."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

import reanalyse
from fidelity.classifiers.architectures import build
from fidelity.explainers.registry import METHODS
from fidelity.maps.saliency_map import read_maps
from fidelity.provenance import result_origins
from fidelity.units.unit import read_unit
from tests.helpers import ROOT, warm
from tests.helpers.small_study import CONFIG, Study, copy_project

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

SEEDS = {
    "architecture": "resnet18", "head": "one_logit", "seeds": [1, 2], "training": {"epochs": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def table_study(tmp_path_factory) -> Study:
    """Create a project with 27 cases in a table, without lung masks.

    The images and the table are in the project folder itself.
    """
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
            "net": SEEDS,
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
    assert "Agreement between training seeds on Mine, test split" in page
    # Only loaded weights can have their classes in another order.
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


METRICS = ["deletion_auc", "insertion_auc", "road", "comprehensiveness", "sufficiency"]
METRICS += ["infidelity", "infidelity_relative", "sensitivity_max"]


@pytest.fixture(scope="module")
def checked_study(table_study) -> Study:
    """Run two training seeds, a tuned rule, two protocols and all checks to tables and units."""
    config = _config(
        classifiers={"net": SEEDS},
        explain={"splits": ["val", "test"]},
        binarizations={**CONFIG["binarizations"], "tuned": {"method": "tuned"}},
        protocols=["default", "seed"],
        faithfulness={
            "metrics": METRICS,
            "steps": 4,
            "road_shares": [0.5],
            "sensitivity": {"samples": 2, "cases": 2},
        },
        sanity={"cases": 2, "layers": 2},
    )
    del config["explainers"]["gradient"]
    table_study.write(config)
    plan = table_study.plan()
    assert (plan["faithfulness"], plan["sensitivity"], plan["sanity"]) == (4, 3, 2)
    figures = [f"results/mine/figures/net-s1/{name}.png" for name in ("sanity", "faithfulness")]
    agreement = [f"results/mine/tables/agreement-net-s{seed}.csv" for seed in (1, 2)]
    summary = "results/summary/tables/localization.csv"
    table_study.snakemake("tables", "units", *figures, *agreement, summary)
    return table_study


def test_faithfulness_and_sanity_are_measured_where_they_are_asked_for(checked_study):
    folder = checked_study.folder / "results/mine/tables"
    table = pd.read_csv(folder / "faithfulness.csv")
    assert set(table.explainer) == {"gradcam", "noise"}
    assert set(table.metric) == set(METRICS)
    assert (table.n == np.where(table.metric == "sensitivity_max", 2, 6)).all()
    assert (table.n_undefined == 0).all()
    assert (table.loc[table.metric == "sensitivity_max", "mean"] > 0).all()
    assert table.loc[table.metric == "infidelity_relative", "mean"].between(0, 1).all()
    cases = pd.read_csv(folder / "faithfulness_cases.csv")
    assert len(cases) == 24
    assert set(cases.split) == {"test"}
    assert cases.iou.notna().all()
    sanity = pd.read_csv(folder / "sanity.csv")
    assert set(sanity.explainer) == {"gradcam"}
    assert {*zip(sanity.test, sanity.depth, strict=True)} == {
        ("parameters", 1), ("parameters", 2), ("logit", 0),
    }  # fmt: skip
    assert set(sanity.loc[sanity.depth == 1, "layer"]) == {"fc"}
    figures = folder.parent / "figures/net-s1"
    assert (figures / "sanity.pdf").is_file()
    assert (figures / "faithfulness.pdf").is_file()


UNITS = ["net", "net-s1", "net-s2", "none"]
# Files on the duration and time of a run, not on its results.
TIMES = ("made_of.json", "cost.csv")


def _reanalyse(study: Study, units, output, *options: str) -> str:
    command = [sys.executable, str(ROOT / "workflow_scripts/reanalyse.py"), str(units)]
    command += ["--output", str(output), "--cores", "2", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        command, cwd=study.folder, capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    return result.stdout


def test_reanalysis_from_units_gives_equal_bytes(checked_study, tmp_path):
    """The units alone give all tables, the verdict, the pages, and one classifier's figures."""
    results, output = checked_study.folder / "results", tmp_path / "again"
    units = tmp_path / "units"
    shutil.copytree(results / "mine/units", units)
    assert sorted(path.name for path in units.iterdir()) == UNITS
    made = [
        path.relative_to(results)
        for folder in ("mine", "summary")
        for path in sorted((results / folder / "tables").glob("*.*"))
        if path.is_file() and path.name not in TIMES
    ]
    # Leave out tables from the configs of earlier tests.
    made = [path for path in made if path.name not in ("layers.csv", "agreement-net.csv")]
    figures = ["distributions-tuned", "curves", "ranks", "sensitivity", "lesion_size", "agreement"]
    figures += ["faithfulness", "sanity", "confusion", "training"]
    figures = [f"results/mine/figures/net-s1/{name}.png" for name in figures]
    tables = [f"results/{path}" for path in made if path.parts[0] == "mine"]
    printed = _reanalyse(checked_study, units, output, "--targets", *tables, *figures)
    assert str(output / "results/mine/tables/verdict.md") in printed
    assert len(made) > 25
    assert {path.suffix for path in made} == {".csv", ".html", ".json", ".md", ".tex"}
    again = output / "results"
    assert [str(p) for p in made if (again / p).read_bytes() != (results / p).read_bytes()] == []
    assert all((output / name).stat().st_size > 1000 for name in figures)
    # No other files were available.
    suffixes = {path.suffix for path in output.rglob("*.*") if "figures" not in path.parts}
    assert not {".h5", ".safetensors", ".tiff", ".png", ".pt"} & suffixes
    cost = pd.read_csv(again / "mine/tables/cost.csv").set_index(
        ["classifier", "explainer", "step"]
    )
    # Shards explained for an earlier test's config count too, if the data set still has them.
    timed = list((results / "benchmarks/mine/net-s1/gradcam/explain").glob("*.tsv"))
    assert len(timed) >= 2
    assert cost.loc[("net-s1", "gradcam", "explain"), "jobs"] == len(timed)
    seconds = sum(pd.read_csv(path, sep="\t").s.iloc[-1] for path in timed)
    hours = cost.loc[("net-s1", "gradcam", "explain"), "wall_hours"]
    assert hours == pytest.approx(seconds / 3600, abs=2e-6)


def test_all_of_a_part_of_the_units_is_planned(checked_study, tmp_path):
    """One of two trainings is used, so comparisons between trainings are left out."""
    for name in ("net-s1", "none"):
        shutil.copytree(checked_study.folder / "results/mine/units" / name, tmp_path / name)
    output = tmp_path / "again"
    ((config, group),) = reanalyse.prepare(tmp_path, output, accept=False)
    reanalyse.mark(output, group)
    command = [*reanalyse.command(config, output, "1"), "--dry-run"]
    result = warm.run(command[1:], Path.cwd(), dict(os.environ))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "results/mine/figures/net-s1/training.png" in result.stdout
    assert "net-s2" not in result.stdout
    assert "repeatability.csv" not in result.stdout


def test_the_digest_of_every_job_behind_a_unit_is_in_it(checked_study):
    """Snakemake's own record of inputs gives all jobs behind a unit."""
    listing = result_origins.read(checked_study.folder / "results/mine/tables/made_of.json")
    records = result_origins.records_in(listing, result_origins.Places([]))
    folder = checked_study.folder / "results/mine/units"
    known = {name: read_unit(folder / name).code.values() for name in UNITS}
    for name in UNITS:
        # A unit may depend on the shared unit. The comparison of seeds also depends on their units.
        allowed = {
            code for n in {name, "none"} | set(UNITS if name == "net" else []) for code in known[n]
        }
        pending, seen = list(records[f"results/mine/units/{name}"]["input"]), set()
        rules = set()
        while pending:
            path = pending.pop()
            if path in seen or path not in records:
                continue
            seen.add(path)
            record = records[path]
            pending += record["input"]
            # A rule without code has no digest.
            found = {
                text.strip("'") for text in record["params"] if result_origins._BARE.fullmatch(text)
            }
            if found:
                rules.add(record["rule"])
                assert found & allowed, f"{record['rule']} is not in the code of {name}"
        assert rules >= {"prepare", "binarize"}


def test_gradients_are_explained_and_networks_without_a_rule_stop_the_study(table_study):
    """ResNet works in the DAG; a network that its name does not describe is refused untrained."""
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
