"""Metrics judged by controls in the workflow: from guided trainings to tables and units."""

import copy

import pandas as pd
import pytest

from tests.helpers.small_study import CONFIG, TWO_LAYERS, Study, copy_project

pytestmark = pytest.mark.slow
KINDS = {"aligned": "reference", "plain": None, "misaligned": "other_cases"}


def config() -> dict:
    """Return a config with a phantom, the smallest network, and two seeds of each kind."""
    training = {"epochs": 1, "learning_rate": 0.01}
    guided = {
        kind: {**training, **({"guidance": {"masks": masks, "loss": "share"}} if masks else {})}
        for kind, masks in KINDS.items()
    }
    return {
        **copy.deepcopy(CONFIG),
        "datasets": {
            "phantom": {
                "source": "phantom",
                "cases": {"train": 18, "val": 9, "test": 18},
                "size": 96,
                "image_size": 64,
                "annotated_classes": ["COVID-19"],
                "shards": {"train": 2, "val": 1, "test": 1},
            }
        },
        "classifiers": {
            kind: {"architecture": "plugin:two_layers", "seeds": [1, 2], "training": entry}
            for kind, entry in guided.items()
        },
        "plugins": ["two_layers.py"],
        "controls": {kind: kind for kind in KINDS} | {"least_accuracy": 0.01},
        "explainers": {"gradcam": {"method": "gradcam"}, "lung": {"method": "lung_mask"}},
        "scores": {"metrics": ["iou", "assd"], "ranking": ["roc_auc"]},
        "protocols": ["default", "seed"],
    }


def test_controls_through_the_workflow(tmp_path):
    study = Study(tmp_path / "project")
    copy_project(study.folder)
    (study.folder / "two_layers.py").write_text(TWO_LAYERS)
    study.write(config())
    tables = "results/phantom/tables/{}.csv"
    jobs = study.jobs(tables.format("controls"), "results/phantom/units/aligned-s1")
    assert (jobs["train"], jobs["hiding"], jobs["controls"]) == (6, 6, 1)
    hiding = pd.read_csv(study.folder / tables.format("hiding"))
    assert hiding["kind"].tolist() == [kind for kind in KINDS for _ in (1, 2)]
    assert hiding["n"].eq(6).all()
    table = pd.read_csv(study.folder / tables.format("controls"))
    assert table["n_seeds"].eq(2).all()
    found = set(zip(table["explainer"], table["protocol"], table["metric"], strict=True))
    assert found >= {
        ("none", "default", "hiding_difference"),
        ("gradcam", "seed", "iou"),
        ("gradcam", "default", "assd"),
        ("gradcam", "default", "roc_auc"),
    }
    assert "lung" not in set(table["explainer"])
    # The kinds differ only in their guidance, so different weights show that it has an effect.
    weights = {
        kind: (study.folder / f"results/phantom/{kind}-s1/model.safetensors").read_bytes()
        for kind in KINDS
    }
    assert len(set(weights.values())) == 3
    # The unit of a training contains the inputs of the tables.
    unit = study.read("phantom/units/aligned-s1/unit.json").decode()
    assert "phantom/hiding/aligned-s1.parquet" in unit
    # With only some of the trainings, the tables are not made, and nothing else changes.
    study.write(config() | {"only_classifiers": ["aligned-s1"]})
    assert "controls" not in study.plan("tables")
