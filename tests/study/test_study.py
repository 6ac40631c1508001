"""The combinations of a loaded config, and the files that its jobs read."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from fidelity import settings
from fidelity.datasets.acquisition import listing
from fidelity.presentation.titles import display
from fidelity.settings.explainers import plugins_of
from fidelity.settings.reading import load_file
from fidelity.study import paths, targets
from fidelity.study.job_files import JobFiles
from fidelity.study.job_settings import JobSettings
from fidelity.study.page_settings import PageSettings
from fidelity.study.study import Study
from fidelity.study.unit_files import UnitFiles
from fidelity.units import workflow_rules
from tests.helpers import ROOT

TWO = {"a": {"shards": {"train": 2, "val": 1, "test": 2}}, "b": {}}
CONFIG = {
    "datasets": {
        name: {"source": "phantom", "annotated_classes": ["COVID-19"], **entry}
        for name, entry in TWO.items()
    },
    "classifiers": {
        "net": {"architecture": "resnet18", "seeds": [1, 2]},
        "other": {"architecture": "densenet121"},
    },
    "explainers": {
        "lime": {"method": "lime"},
        "cam": {"method": "gradcam", "layer": {"net": "depth-2"}},
        "noise": {"method": "random_weights", "of": "lime"},
        "lung": {"method": "lung_mask"},
        "mean": {"method": "mean_mask"},
        "slow": {"method": "random_superpixels"},
        "reader": {"method": "second_reader"},
    },
    "explain": {"splits": ["val", "test"], "targets": {"lime": "predicted"}},
    "binarizations": {
        "tuned": {"method": "tuned"},
        "each": {
            "method": "per_explainer",
            "otherwise": {"binarization": {"method": "otsu"}},
            "explainers": {"lime": {"binarization": {"method": "tuned"}}},
        },
    },
    "faithfulness": {"metrics": ["deletion_auc", "sensitivity_max"]},
    "sanity": {"cases": 4, "explainers": ["cam"]},
}


@pytest.fixture
def study() -> Study:
    config = json.loads(json.dumps(CONFIG))
    for entry in config["datasets"].values():
        entry["second_reader"] = True
    return Study(settings.load(config, check_files=False))


def job(**names: str) -> SimpleNamespace:
    return SimpleNamespace(**{"dataset": "a", **names})


def test_explainers_without_a_classifier_are_run_once(study):
    assert study.combinations[:4] == [
        ("net-s1", "lime"),
        ("net-s2", "lime"),
        ("other", "lime"),
        ("net-s1", "cam"),
    ]
    assert [pair for pair in study.combinations if pair[0] == "none"] == [
        ("none", name) for name in ("lung", "mean", "slow", "reader")
    ]
    assert [e for _, e in study.own_explainers("other")] == ["lime", "cam", "noise"]
    assert len(study.explainers_of("other")) == 7
    # But faithfulness is measured on each classifier for all of them.
    assert len(study.faithfulness_pairs) == 3 * 7
    assert study.computed_under["net-s1", "lung"] == "none"


def test_classifiers_with_several_seeds(study):
    assert study.bases == {"net-s1": "net", "net-s2": "net", "other": "other"}
    assert study.repeated == {"net": ["net-s1", "net-s2"]}
    assert study.repeated_pairs == [("net", "lime"), ("net", "cam"), ("net", "noise")]
    assert study.units == ["none", "net-s1", "net-s2", "other", "net"]
    restored = Study(study.config, {"datasets": ["a"], "units": ["none", "net-s1"]})
    assert restored.repeated == {}


def test_kinds_of_explainers(study):
    assert study.with_network == ["lime", "cam", "noise"]
    assert study.slow_without_network == ["slow"]
    assert study.light == ["lung", "mean", "reader"]
    assert (study.fitted, study.given, study.partial) == (["mean"], ["reader"], ["reader"])
    assert {e for _, e in study.reporting} == {"lime", "noise"}
    assert study.checked_explainers == ["cam"]
    assert ("net-s1", "reader") not in study.sensitivity_pairs


def test_rules_and_layers_of_one_explainer(study):
    assert study.is_tuned("each", "lime")
    assert not study.is_tuned("each", "cam")
    assert study.tuned == ["tuned", "each"]
    assert study.explainer_for("cam", "net-s2").layer == "depth-2"
    assert study.explainer_for("cam", "other").layer == "auto"
    assert set(study.confounded) == {"lime", "each"}


def test_shards(study):
    assert study.shard_names("a", ["train"]) == ["train-000", "train-001"]
    assert study.explained_shards("a") == ["val-000", "test-000", "test-001"]
    assert study.judged_split == "test"


def test_blocks_and_their_files(study):
    files = JobFiles(study)
    blocks = study.blocks("a")
    assert len(blocks) == 13 * 2 * len(study.protocols) + 13 * bool(study.config.scores.ranking)
    assert files.scores(job())[0] == "results/a/net-s1/lime/tuned/default/scores.parquet"
    assert len(files.scores(job())) == len(blocks)
    assert len(study.primary_blocks("a")) == 13


def test_files_that_jobs_read(study):
    files = JobFiles(study)
    way = job(classifier="other", explainer="cam", binarization="each", shard="test-000")
    assert files.shards(paths.MAPS)(way) == [
        f"results/a/other/cam/maps/{shard}.h5" for shard in ("val-000", "test-000", "test-001")
    ]
    assert files.model(way) == "results/a/other/model.safetensors"
    assert files.model(job(classifier="none")) == []
    assert files.fitted(job(explainer="mean")) == "results/a/none/mean/fitted.safetensors"
    assert files.fitted(way) == []
    assert files.thresholds(way) == []
    tuned = job(classifier="other", explainer="lime", binarization="each")
    assert files.thresholds(tuned) == "results/a/other/lime/each/thresholds.csv"
    # For jobs without a binarization or protocol, the primary ones are used.
    assert files.of_explainers(paths.SCORES)(job(classifier="other"))[-1] == (
        "results/a/none/reader/tuned/default/scores.parquet"
    )
    assert files.faithfulness_maps(job(classifier="other", explainer="lung")) == [
        "results/a/none/lung/maps/test-000.h5",
        "results/a/none/lung/maps/test-001.h5",
    ]
    assert files.with_unclassified(paths.AGREEMENT)(job(classifier="other")) == [
        "results/a/other/agreement.parquet",
        "results/a/none/agreement.parquet",
    ]


def test_units_hold_results_of_their_classifier(study):
    files, given = JobFiles(study), JobSettings(study)
    units = UnitFiles(study, files, given)
    own = units.results(job(unit="other"))
    assert "a/other/lime/each/thresholds.csv" in own
    assert "a/other/cam/each/thresholds.csv" not in own
    assert "a/faithfulness/other/lung.parquet" in own
    assert not any("/none/" in path for path in own)
    assert "a/cases.csv" in units.results(job(unit="none"))
    assert units.results(job(unit="net")) == [
        f"a/repeatability/net/{name}.parquet" for name in ("lime", "cam", "noise")
    ]
    assert given.raw_names["a"] in units.steps(job(unit="none"))[0]


def test_boxes_are_scored_where_there_are_some():
    """Tables, units and a re-analysis have box scores for one data set of two.

    The protocols have titles.
    """
    config = json.loads(json.dumps(CONFIG))
    config["protocols"] = ["default", "wsol", "chestxray8", "rodeo"]
    for entry in config["datasets"].values():
        entry["second_reader"] = True
    config["datasets"]["a"]["boxes_from"] = "masks"
    study = Study(settings.load(config, check_files=False))
    files = JobFiles(study)
    table = files.of_some(paths.table("boxes"), study.boxed)
    assert (table(job()), table(job(dataset="b"))) == ("results/a/tables/boxes.csv", [])
    units = UnitFiles(study, files, JobSettings(study))
    assert "a/other/lime/box_scores.parquet" in units.results(job(unit="other"))
    assert "a/none/lung/box_scores.parquet" in units.results(job(unit="none"))
    assert not [p for p in units.results(job(dataset="b", unit="other")) if "box_scores" in p]
    for found in (targets.tables(study), targets.from_units(study)):
        assert "results/a/tables/box_comparisons.csv" in found
        assert "results/b/tables/boxes.csv" not in found
    # Units packed before box scores existed have none, so no table of boxes is requested.
    older = {"datasets": ["a", "b"], "units": study.units, "boxed": []}
    old = Study(study.config, older)
    assert not [path for path in targets.from_units(old) if "box" in path]
    assert JobFiles(old).of_some(paths.table("boxes"), old.boxed)(job()) == []
    new = Study(study.config, {**older, "boxed": ["a"]})
    assert "results/a/tables/box_comparisons.csv" in targets.from_units(new)
    assert "box_scores" not in workflow_rules.RULES
    assert "boxes" in workflow_rules.RULES
    assert display(study)["protocols"]["chestxray8"] == "ChestX-ray8"


def test_pages_know_which_data_sets_are_generated(study):
    given = PageSettings(JobSettings(study))
    assert study.generated == ["a", "b"]
    assert given.explorer(job())["generated"]
    assert given.study_page(job())["generated"]


def test_a_gallery_has_room_for_a_ceiling():
    config = json.loads(json.dumps(CONFIG))
    config["datasets"]["a"]["second_reader"] = config["datasets"]["b"]["second_reader"] = True
    for number in range(7):
        config["explainers"][f"lime{number}"] = {"method": "lime", "samples": 100 + number}
    config["explainers"]["unet"] = {"method": "unet"}
    study = Study(settings.load(config, check_files=False))
    given = PageSettings(JobSettings(study)).gallery(job(classifier="other"))
    assert given["ceilings"] == ["reader", "unet"]
    assert len(given["explainers"]) == 8  # only one of the two ceilings is shown
    assert {"lime", "reader", "unet"} <= set(given["explainers"])
    config["figures"] = {"gallery_explainers": ["lime", "unet", "reader"]}
    study = Study(settings.load(config, check_files=False))
    given = PageSettings(JobSettings(study)).gallery(job(classifier="other"))
    assert (given["ceilings"], len(given["explainers"])) == ([], 3)


@pytest.mark.parametrize(("by", "orders"), [(None, "lime"), ("lung", "lung"), ("slow", "lime")])
def test_a_gallery_is_ordered_by_an_explainer_that_it_shows(by, orders):
    config = json.loads(json.dumps(CONFIG))
    config["figures"] = {"gallery_explainers": ["lime", "lung"], "gallery_by": by}
    del config["explainers"]["reader"]
    study = Study(settings.load(config, check_files=False))
    assert PageSettings(JobSettings(study)).gallery(job(classifier="other"))["by"] == orders


def test_data_sets_that_agree_share_their_files(study):
    given = JobSettings(study)
    assert given.raw_names["a"] == given.raw_names["b"]
    assert given.acquired_for == {given.raw_names["b"]: "b"}


def test_files_that_only_one_of_them_reads_count_whichever_is_listed_last(study, monkeypatch):
    given = JobSettings(study)
    (raw,) = given.acquired_for
    monkeypatch.setattr(listing, "source_digest", lambda root, entry: entry.lungs or "alone")
    assert given.source_listing(raw) == "alone"
    study.datasets["a"].lungs = "lungs.csv"
    assert given.source_listing(raw) == "lungs.csv-alone"


def test_targets_hold_what_the_config_asks_for(study):
    tables, figures = targets.tables(study), targets.figures(study)
    assert "results/a/tables/repeatability.csv" in tables
    assert "results/b/checked" in tables
    assert "results/a/tables/layers.csv" not in tables
    assert "results/a/figures/other/gallery-each.png" in figures
    from_units = targets.from_units(study)
    assert not any("gallery" in path or path.endswith("checked") for path in from_units)
    restored = Study(study.config, {"datasets": ["a"], "units": study.units})
    assert {path.split("/")[1] for path in targets.from_units(restored)} == {"a"}


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_config_has_its_targets(path):
    study = Study(load_file(path, check_files=False))
    found = [*targets.tables(study), *targets.figures(study)]
    assert len(set(found)) == len(found) > 20
    assert all(paths.is_result(path) and "{" not in path for path in found)


@pytest.mark.parametrize(
    ("keys", "boxed"),
    [
        ({}, {}),
        ({"boxes": "boxes.csv"}, {"x": "references"}),
        ({"boxes": "boxes.csv", "boxes_from": "masks"}, {"x": "masks"}),
    ],
)
def test_a_table_with_a_file_of_boxes_gets_box_scores(keys, boxed):
    table = {"source": "table", "root": ".", "table": "a.csv", "annotated_classes": ["A"], **keys}
    raw = {"datasets": {"x": table}, "explainers": {"lung": {"method": "lung_mask"}}}
    config = settings.load(raw | {"classifiers": CONFIG["classifiers"]}, check_files=False)
    assert Study(config).boxed == boxed


def test_a_re_analysis_looks_for_no_imported_maps():
    """Units hold no maps, and their folder may be on another machine."""
    explainers = {"mine": {"method": "imported", "folder": "gone", "pattern": "{case}.npy"}}
    keys = {name: CONFIG[name] for name in ("datasets", "classifiers")}
    config = settings.load({**keys, "explainers": explainers}, check_files=False)
    of_units = Study(config, {"datasets": ["a"], "units": ["none"]})
    maps = job(explainer="mine", classifier="none")
    assert JobSettings(of_units).explainer(maps)["folder"] == "gone"


def test_nothing_heavy_is_imported():
    """Snakemake creates a study whenever it parses; on a cluster, that is once per job."""
    code = (
        "import sys; from fidelity.study import job_files, job_settings, targets, unit_files;"
        "print(*sorted({'torch', 'numpy', 'pandas', 'cv2', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT / "workflow_scripts",
        check=True,
    )
    assert result.stdout.strip() == ""


def test_weights_that_are_replaced_by_an_older_file_are_noticed(tmp_path, monkeypatch):
    """Snakemake compares times only, and `cp -p` or `rsync -a` keep those of the copied file."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "net.pt"
    file.write_bytes(b"first")
    config = json.loads(json.dumps(CONFIG))
    del config["explainers"]["reader"]
    config["classifiers"]["net"]["weights"] = str(file)
    config["classifiers"]["other"] |= {
        "weights": str(file),
        "training": None,
        "mean": [0],
        "std": [1],
    }

    def found() -> list[dict]:
        made = JobSettings(Study(settings.load(json.loads(json.dumps(config)), check_files=False)))
        net, other = SimpleNamespace(classifier="net-s1"), SimpleNamespace(classifier="other")
        return [made.training(net), made.weights(net), made.loaded(other), made.weights(other)]

    before = found()
    file.touch()
    assert found() == before
    file.write_bytes(b"other")
    os.utime(file, (1e9, 1e9))
    assert all(old != new for old, new in zip(before, found(), strict=True))


def test_a_plugin_file_counts_only_for_jobs_that_use_a_function_of_it(tmp_path):
    """A changed explainer must not train a network again that another file defines."""
    nets, maps = tmp_path / "nets.py", tmp_path / "maps.py"
    nets.write_text("def net(outputs):\n    pass\n")
    maps.write_text("def own(*args):\n    pass\n")
    config = json.loads(json.dumps(CONFIG))
    config["plugins"] = [str(maps), str(nets)]
    config["classifiers"]["mine"] = {"architecture": "plugin:net"}
    config["explainers"] = {
        "own": {"method": "plugin:own"},
        "noise": {"method": "random_weights", "of": {"method": "plugin:own"}},
        "lime": {"method": "lime"},
    }
    del config["explain"]["targets"], config["binarizations"]["each"], config["sanity"]
    del config["faithfulness"]
    jobs = JobSettings(Study(settings.load(config)))
    used = {
        name: [list(jobs.classifier_plugins(SimpleNamespace(classifier=name)))]
        for name in ("mine", "net", "none")
    }
    assert used == {"mine": [[str(nets)]], "net": [[]], "none": [[]]}
    for name in ("own", "noise", "lime"):
        job = SimpleNamespace(dataset="a", classifier="mine", explainer=name)
        found = plugins_of(jobs.explainer(job))
        assert found == ([] if name == "lime" else [str(maps)])


def test_explainers_that_use_the_gradient_are_those_of_two_families():
    config = json.loads(json.dumps(CONFIG))
    del config["explainers"]["reader"]
    added = {"noisy_cam": {"method": "random_weights", "of": "cam"}, "ig": {"method": "gradient"}}
    config["explainers"] |= added
    study = Study(settings.load(config, check_files=False))
    assert study.use_gradient == {"cam": "gradcam", "noisy_cam": "gradcam", "ig": "gradient"}
