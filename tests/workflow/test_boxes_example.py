"""The commands and the config of docs/boxes.md work, on fewer and smaller phantoms."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.helpers.small_study import ROOT, Study, copy_project

pytestmark = pytest.mark.slow
PAGE = (ROOT / "docs" / "boxes.md").read_text()
CONFIG = yaml.safe_load((ROOT / "config" / "boxes.yaml").read_text())
# Few images, but each class has a box in validation and test.
SIZES = {"nih": (18, 9, 18), "rsna": (18, 9, 18), "vindr": (36, 12, 18)}
EXPLAINERS = ("gradcam", "centre_prior")


def commands() -> list[list[str]]:
    """List the commands of the page, split into words."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.M | re.S)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Study:
    """Run the example with as few images and epochs as its commands allow."""
    study = Study(tmp_path_factory.mktemp("example") / "project")
    copy_project(study.folder)
    *writing, _, _ = commands()
    assert [words[2] for words in writing] == [*SIZES]
    for words in writing:
        first, script, *rest = words
        assert (first, rest[2::2]) == ("python", ["--train", "--val", "--test"])
        given = zip(rest[2::2], map(str, SIZES[rest[0]]), strict=True)
        typed = [sys.executable, script, *rest[:2], *(word for pair in given for word in pair)]
        subprocess.run(typed, cwd=study.folder, check=True, capture_output=True)
    config = yaml.safe_load((study.folder / "config/boxes.yaml").read_text())
    for dataset in config["datasets"].values():
        dataset["image_size"] = 64
    config["classifiers"]["resnet18"]["training"] |= {"epochs": 1}
    config["explainers"] = {name: config["explainers"][name] for name in EXPLAINERS}
    config["statistics"] = {"replicates": 100, "permutations": 100}
    study.write(config)
    study.snakemake("tables")
    return study


def test_the_commands_are_those_of_the_config():
    *writing, run, _ = commands()
    assert run == ["make", "run", "CONFIG=config/boxes.yaml"]
    told = (ROOT / "config" / "boxes.yaml").read_text()
    assert all(" ".join(words) in told for words in writing)
    assert [words[3] for words in writing] == [CONFIG["datasets"][name]["root"] for name in SIZES]


@pytest.mark.parametrize("name", SIZES)
def test_every_data_set_is_scored_by_its_boxes(example, name):
    tables = example.folder / "results" / name / "tables"
    values = pd.read_csv(tables / "boxes.csv")
    assert set(values["protocol"]) == {*CONFIG["protocols"]}
    assert set(values["reference"]) == {"box"}
    test = values[(values["split"] == "test") & (values["metric"] == "box_iou")]
    assert set(test["explainer"]) == set(EXPLAINERS)
    assert (test["n"] > 0).all()
    assert test["value"].between(0, 1).all()
    assert (pd.read_csv(tables / "localization.csv")["reference"] == "box").all()
    assert "references drawn as boxes" in (tables / "verdict.md").read_text()
    text = (tables / "tables.md").read_text()
    # The page has the tables under these titles.
    for title in ("Box IoU ↑", "CorLoc ↑", "MaxBoxAcc, diagnostic ↑", "RoDeO ↑"):
        assert title in text


def test_one_image_of_it_is_explained(example):
    *_, words = commands()
    assert words[:2] == ["make", "explain"]
    given = dict(word.split("=") for word in words[2:])
    options = ["--configfile", "study.yaml", "--dataset", given["DATASET"]]
    typed = [sys.executable, "workflow_scripts/explain_one.py", given["IMAGE"], *options]
    subprocess.run(typed, cwd=example.folder, check=True, capture_output=True)
    folder = example.folder / "explained" / Path(given["IMAGE"]).with_suffix("")
    assert (folder / f"{folder.name}-gradcam.png").is_file()
