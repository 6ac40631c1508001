"""A whole small study, and which steps a change reruns.

The tests count jobs that ran. If only a setting changed, they count planned jobs.
"""

import json
import os
import re
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from fidelity.base.errors import InputError
from fidelity.tools.dry_run import jobs_left
from tests.helpers import warm
from tests.helpers.run_lines import foreign
from tests.helpers.small_study import CONFIG

pytestmark = pytest.mark.slow
TOP = "data/Infection Segmentation Data"
# No table needs this file. It is requested by name, so that `sweep` is tested.
CURVES = "results/small/net/lime/curves.parquet"
DEAR = {"acquire", "index_cases", "shard_cases", "prepare", "train", "predict", "explain"}


def test_every_promised_file_is_there(finished):
    results = finished.folder / "results"
    tables = ["localization", "comparisons", "classification", "ranks", "seeds", "strata"]
    tables = [f"{name}.csv" for name in (*tables, "mixed_model", "agreement-net")]
    for table in (*tables, "tables.md", "verdict.md", "verdict.html", "verdict.json"):
        assert (results / "small" / "tables" / table).stat().st_size > 0
    figures = ["gallery-half", "distributions-half", "curves", "confusion", "training"]
    for figure in (*figures, "ranks", "sensitivity", "lesion_size", "agreement"):
        for suffix in (".png", ".pdf"):
            path = results / "small" / "figures" / "net" / f"{figure}{suffix}"
            assert path.stat().st_size > 1000
    assert (results / "summary" / "figures" / "localization.png").is_file()
    assert (results / "summary" / "tables" / "inputs.md").stat().st_size > 0
    notebook = json.loads((results / "small/notebooks/net/explore.ipynb").read_text())
    outputs = [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert any("image/png" in out.get("data", {}) for cell in outputs for out in cell)


def test_a_run_prints_no_foreign_line(finished):
    assert "Running the notebook" in finished.printed
    assert foreign(finished.printed) == []


def test_localization_table_meets_its_contract(finished):
    table = pd.read_csv(finished.folder / "results/small/tables/localization.csv")
    assert list(table.columns) == [
        "dataset",
        "split",
        "classifier",
        "explainer",
        "binarization",
        "protocol",
        "class",
        "metric",
        "unit",
        "n",
        "n_patients",
        "n_empty_prediction",
        "n_empty_reference",
        "n_undefined",
        "mean",
        "ci_low",
        "ci_high",
        "median",
        "std",
        "reference",
    ]
    iou = table[(table.metric == "iou") & (table["class"] == "all")].set_index("explainer")
    assert set(iou.index) == {"lime", "gradcam", "lung", "noise"}
    assert (iou.n == 12).all()
    assert ((iou.ci_low <= iou["mean"]) & (iou["mean"] <= iou.ci_high)).all()
    recall = table[(table.metric == "recall") & (table.explainer == "lung")]
    assert (recall["mean"] == 1).all()  # all lesions are inside the lung


def test_scores_agree_with_masks_and_reference(finished):
    """Only files are used: masks.json against the reference PNGs."""
    from pycocotools import mask as coco

    folder = finished.folder
    masks = json.loads((folder / "results/small/net/lime/half/masks.json").read_text())
    scores = pd.read_parquet(folder / "results/small/net/lime/half/default/scores.parquet")
    assert len(scores) == 12
    for row in scores.itertuples():
        cls = row[scores.columns.get_loc("class") + 1]
        (path,) = (folder / TOP / "Test" / cls / "infection masks").glob(f"{row.case}.png")
        reference = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0
        rle = masks[row.case][cls]
        mask = coco.decode({**rle, "counts": rle["counts"].encode()}).astype(bool)
        expected = (mask & reference).sum() / (mask | reference).sum()
        assert row.iou == pytest.approx(expected, abs=1e-12)


def test_nothing_is_done_twice(study):
    assert study.jobs() == {}


def test_progress_counts_what_a_changed_config_makes_anew(study, config):
    assert jobs_left("study.yaml", folder=study.folder) == {}
    config["explainers"]["lime"]["samples"] = 30
    study.write(config)
    left = jobs_left("study.yaml", folder=study.folder)
    assert left["explain"] == 3
    assert left["score"] >= 1
    config["explainers"]["lime"]["sample"] = 30
    study.write(config)
    with pytest.raises(InputError, match="'samples'"):
        jobs_left("study.yaml", folder=study.folder)


def test_adding_a_threshold(study, config):
    config["binarizations"]["high"] = {"method": "fixed", "threshold": 0.8}
    study.write(config)
    jobs = study.jobs("tables", CURVES)
    assert not DEAR & set(jobs)
    assert (jobs["binarize"], jobs["score"]) == (4, 4)
    assert not {"sweep", "rank"} & set(jobs)


def test_adding_a_protocol_scores_masks_again_and_nothing_else(study, config):
    config["protocols"] = ["default", "monai"]
    study.write(config)
    jobs = study.plan()
    assert not (DEAR | {"binarize", "sweep", "rank"}) & set(jobs)
    assert jobs["score"] == 4


def test_changing_a_test_makes_no_score_again(study, config):
    config["statistics"]["margin"] = 0.1
    study.write(config)
    jobs = study.plan()
    assert not (DEAR | {"binarize", "score", "summarize"}) & set(jobs)
    assert jobs["compare"] == jobs["verdict"] == 1


def test_changing_a_threshold(study, config):
    config["binarizations"]["half"]["threshold"] = 0.4
    study.write(config)
    jobs = study.plan()
    assert not DEAR & set(jobs)
    assert (jobs["binarize"], jobs["score"]) == (4, 4)


def test_changing_a_metric_setting(study, config):
    config["scores"] = {"empty": {"distance_prediction": "nan"}}
    study.write(config)
    jobs = study.plan()
    assert not (DEAR | {"binarize"}) & set(jobs)
    assert jobs["score"] == 4


def test_changing_a_figure_setting(study, config):
    config["figures"]["gallery_cases"] = 2
    study.write(config)
    # The study page shows the gallery's cases, and the provenance contains the config.
    assert study.plan() == {"figure_gallery": 1, "paper": 1, "provenance": 1, "study_page": 1}


def test_editing_one_explainer_reruns_it_alone(study):
    path = study.folder / "workflow_scripts/fidelity/explainers/lime/lime.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    jobs = study.jobs("tables", CURVES)
    assert jobs["explain"] == 3
    assert (jobs["sweep"], jobs["binarize"]) == (1, 1)
    assert not {"train", "prepare", "predict"} & set(jobs)


def test_checks_that_are_due_hide_no_other_reason_to_run(study, config):
    """A changed layer alone trains nothing. With a changed training, both reasons count."""
    config["explainers"]["gradcam"]["layer"] = "layer3"
    study.write(config)
    jobs = study.plan()
    assert (jobs["check_classifier"], jobs["explain"]) == (1, 3)
    assert not {"train", "predict", "prepare"} & set(jobs)
    config["classifiers"]["net"]["training"]["epochs"] = 2
    study.write(config)
    jobs = study.plan()
    assert (jobs["check_classifier"], jobs["train"], jobs["predict"]) == (1, 1, 1)
    assert jobs["explain"] == 6  # of LIME and Grad-CAM
    # Without a model, the training waits for the checks, but it still runs.
    model = "results/small/net/model.safetensors"
    (study.folder / model).unlink()
    jobs = study.jobs(model)
    assert (jobs["check_classifier"], jobs["train"]) == (1, 1)
    assert (study.folder / model).is_file()


def test_comments_and_docstrings_rerun_nothing(study):
    path = study.folder / "workflow_scripts/fidelity/explainers/lime/lime.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    assert study.plan() == {}


def _edit_lime(study):
    path = study.folder / "workflow_scripts/fidelity/explainers/lime/lime.py"
    path.write_text(path.read_text() + "\nEXTRA = 1\n")


def _accept(study, expect=0):
    command = [str(study.folder / "workflow_scripts/accept.py"), "study.yaml"]
    result = warm.run(command, study.folder, dict(os.environ))
    assert result.returncode == expect, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_moved_results_are_valid_or_recomputed(study, config):
    """`.snakemake` is missing, code files are newer, and results were copied without times."""
    shutil.rmtree(study.folder / ".snakemake")
    for part in ("workflow_scripts", "results"):
        for path in (study.folder / part).rglob("*"):
            if path.is_file():
                path.touch()
    config["statistics"]["replicates"] = 300
    study.write(config)
    planned = study.plan()
    assert planned["summarize"] == planned["compare"] == 1
    assert not DEAR & planned.keys()
    study.write(CONFIG)
    assert study.plan() == {}
    _edit_lime(study)
    assert study.plan()["explain"] == 3


def test_results_that_nobody_can_vouch_for_are_refused(study):
    shutil.rmtree(study.folder / ".snakemake")
    (study.folder / "results/small/tables/made_of.json").unlink()
    printed = study.snakemake("--dry-run", expect=1)
    assert "results/small: no record shows how the" in printed


def test_a_change_of_the_data_is_not_accepted(study):
    mask = next((study.folder / "data").rglob("infection masks/*.png"))
    times = mask.stat()
    mask.touch()
    try:
        assert "made with other settings or files" in _accept(study, expect=1)
        assert study.plan()["acquire"] == 1
    finally:
        os.utime(mask, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_accepting_a_change_of_code(study, config):
    _edit_lime(study)
    config["statistics"]["replicates"] = 300
    study.write(config)
    assert "made with other settings" in _accept(study, expect=1)
    study.write(CONFIG)
    # Nothing of the refused results was kept.
    assert study.plan()["explain"] == 3
    printed = _accept(study)
    assert "results/small/net/lime/maps/test-000.h5" in printed
    assert study.plan() == {}
    accepted = json.loads(study.read("small/provenance.json"))["accepted"]
    assert {(entry["rule"], entry["file"].split("/")[3]) for entry in accepted} == {
        ("explain", "lime")
    }
    assert len(accepted) == 3
    (study.folder / "results/small/tables/ranks.csv").unlink()
    _edit_lime(study)
    assert "ranks.csv is missing" in _accept(study, expect=1)


def _add_image(study, split, name, like):
    """Add a COVID-19 case: a copy of another, changed so that it is not a duplicate."""
    folder = study.folder / TOP / split / "COVID-19"
    for kind in ("images", "infection masks", "lung masks"):
        shutil.copy2(folder / kind / f"{like}.png", folder / kind / f"{name}.png")
    path = str(folder / "images" / f"{name}.png")
    image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    image[:4, :4] = np.random.default_rng(0).integers(0, 255, (4, 4))
    cv2.imwrite(path, image)
    with open(study.folder / "data" / "patients.csv", "a") as handle:
        handle.write(f"{name},patient of {name}\n")


def _first(study, split):
    return sorted((study.folder / TOP / split / "COVID-19" / "images").glob("*.png"))[0].stem


def test_adding_a_test_image_reexplains_its_shard_only(study):
    weights = study.read("small/net/model.safetensors")
    _add_image(study, "Test", "added", _first(study, "Test"))
    jobs = study.jobs("tables")
    assert jobs["prepare"] == 1
    assert jobs["explain"] == 4  # one shard for each of four explainers
    assert "train" not in jobs
    assert study.read("small/net/model.safetensors") == weights
    scores = pd.read_parquet(study.folder / "results/small/net/lime/half/default/scores.parquet")
    assert "added" in set(scores.case)


def test_adding_a_training_image_retrains(study):
    _add_image(study, "Train", "added", _first(study, "Train"))
    jobs = study.jobs("results/small/net/model.safetensors")
    assert jobs["prepare"] == 1
    assert jobs["train"] == 1


# Files on the duration of a run, not on its results.
TIMES = {
    "small/tables/cost.csv",
    "small/tables/made_of.json",
    "small/provenance.json",
    "small/provenance.html",
    "summary/tables/made_of.json",
}


def _results(study):
    """Read the bytes of all tables, scores and masks."""
    folder = study.folder / "results"
    patterns = ("tables/*", "tables/*/*", "**/scores.parquet", "**/ranking.parquet")
    patterns += ("**/curves.parquet", "**/masks.json", "**/predictions.csv", "**/thresholds.csv")
    names = {
        path.relative_to(folder).as_posix()
        for part in ("small", "summary")
        for pattern in patterns
        for path in (folder / part).glob(pattern)
        if path.is_file() and ".kept" not in path.parts
    }
    return {name: study.read(name) for name in names - TIMES}


def test_shards_cores_and_order_change_no_byte_of_any_result(study, config):
    """Three shards with two jobs at a time, against one shard with one job at a time."""
    before = _results(study)
    assert len(before) > 25
    assert "small/tables/localization.csv" in before
    config["datasets"]["small"]["shards"]["test"] = 1
    # Files of the old shards are still there. A job that used them would be noticed.
    study.write(config)
    assert study.jobs("--cores", "1")["explain"] == 4
    after = _results(study)
    assert sorted(after) == sorted(before)
    assert [name for name in before if after[name] != before[name]] == []


PLUGIN = """
import os, signal
from pathlib import Path

import numpy as np


def fragile(classifier, image, target, seed):
    done = Path("explained.txt")
    count = len(done.read_text().split()) if done.exists() else 0
    if count == 6 and not Path("killed").exists():
        Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    with done.open("a") as handle:
        handle.write("x ")
    return np.random.default_rng(seed).random((4, 4))
"""


def test_a_killed_explain_job_resumes_inside_its_shard(study, config):
    """The seventh map kills its worker. A plugin's maps are saved one by one, so none is lost."""
    (study.folder / "mine.py").write_text(PLUGIN)
    config["plugins"] = ["mine.py"]
    config["explainers"] = {"mine": {"method": "plugin:fragile"}}
    config["datasets"]["small"]["shards"]["test"] = 1
    study.write(config)
    target = "results/small/net/mine/maps/test-000.h5"
    study.snakemake(target, expect=1)
    assert (study.folder / "killed").exists()
    assert not (study.folder / target).exists()
    study.snakemake(target)
    made = len((study.folder / "explained.txt").read_text().split())
    assert made == 12
    assert (
        "resumed: 6 of 12"
        in (study.folder / "results/logs/small/net/mine/explain/test-000.log").read_text()
    )


def test_masks_as_png(study):
    study.snakemake("masks_png")
    folder = study.folder / "results/small/net/lime/half/png"
    pngs = list(folder.rglob("*.png"))
    assert len(pngs) == 12
    values = {int(v) for path in pngs for v in np.unique(cv2.imread(str(path), -1))}
    assert values <= {0, 255}


def test_report(study):
    study.snakemake("--report", "report.html")
    text = (study.folder / "report.html").read_text()
    page = (study.folder / "results/small/study.html").read_text()
    answer = re.search(r'class="answer"[^>]*>(.*?)</', page, re.S)[1].strip()
    assert answer in text
    assert "gallery-half.png" in text
    study.snakemake("--report", "report.html", "--config", "explorer={images: false}")
    text = (study.folder / "report.html").read_text()
    assert "gallery-half.png" not in text
    assert "forest.png" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["explainers"]["lime"].update(sample=3), "'samples'"),
        (lambda c: c["datasets"]["small"].update(root="elsewhere"), "elsewhere"),
        (
            lambda c: c["classifiers"].update(
                other={**c["classifiers"]["net"], "architecture": "resnet81"}
            ),
            "'classifiers.other.architecture': unknown architecture 'resnet81'. Did you mean",
        ),
        (
            lambda c: c["explainers"]["gradcam"].update(layer="layer5"),
            "'explainers.gradcam.layer': resnet18 has no layer 'layer5'. Did you mean 'layer4'",
        ),
    ],
    ids=["key", "root", "architecture", "layer"],
)
def test_mistakes_stop_before_the_work(study, config, change, message):
    change(config)
    shutil.rmtree(study.folder / "results" / "small")
    study.write(config)
    printed = study.snakemake(expect=1)
    assert message in printed
    # No other classifier is trained meanwhile.
    assert not (study.folder / "results/small/net/model.safetensors").exists()
    if message.startswith("'classifiers") or message.startswith("'explainers."):
        end = printed[printed.rindex("1 failed job, config") :]
        assert message in end
        assert "log: results/logs/small/" in end
        assert "rerun the same command" in end
