"""The files and commands of docs/tutorial.md work, on ten generated images."""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.small_study import ROOT, Study, copy_project

pytestmark = pytest.mark.slow
PAGE = (ROOT / "docs" / "tutorial.md").read_text()
MAKE = ["make", "--no-print-directory", "CORES=2"]


def blocks(language: str) -> list[str]:
    """List the page's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Study:
    """Create a project with the page's ten images, table and config."""
    study = Study(tmp_path_factory.mktemp("tutorial") / "project")
    copy_project(study.folder)
    shutil.copy2(ROOT / "Makefile", study.folder)
    data = study.folder / "mydata"
    for name in ("images", "masks"):
        (data / name).mkdir(parents=True)
    (table,), (config,) = blocks("csv"), blocks("yaml")
    (data / "cases.csv").write_text(table)
    (study.folder / "config" / "mine.yaml").write_text(config)
    rng = np.random.default_rng(0)
    for row in csv.DictReader(table.splitlines()):
        image = rng.integers(40, 90, (64, 64)).astype(np.uint8)
        if row["mask:Pneumonia"]:
            mask = np.zeros_like(image)
            top, left = rng.integers(8, 40, 2)
            mask[top : top + 14, left : left + 14] = 255
            image[mask > 0] += 100
            cv2.imwrite(str(data / row["mask:Pneumonia"]), mask)
        cv2.imwrite(str(data / row["image"]), image)
    return study


def follow(project: Study, command: str, *options: str) -> str:
    """Run a `make` command of the page in the environment that runs the tests."""
    words = command.split()
    assert words[0] == "make"
    stamp = f"{sys.prefix}/.installed-{_lock()}"
    typed = [*MAKE, *words[1:], f"VENV={sys.prefix}", "-o", stamp, *options]
    result = subprocess.run(typed, cwd=project.folder, capture_output=True, text=True)
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    return result.stdout


def _lock() -> str:
    command = "cat envs/requirements.lock | sha256sum | cut -c1-12"
    return subprocess.check_output(command, shell=True, cwd=ROOT, text=True).strip()


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_page_is_followed(project):
    checked, computed, everything = "".join(blocks("bash")).splitlines()
    results = project.folder / "results" / "mine"

    follow(project, checked)
    assert len(_rows(results / "cases.csv")) == 10
    assert _rows(results / "quarantine.csv") == []
    assert len({row["patient"] for row in _rows(results / "cases.csv")}) == 10

    follow(project, computed)
    scores = _rows(results / "tables" / "localization.csv")
    assert {row["explainer"] for row in scores} == {"gradcam", "centre"}
    assert (results / "tables" / "verdict.md").is_file()

    # The last command is only planned: other tests cover the figures and the report.
    planned = follow(project, everything, "SNAKEMAKE=echo snakemake")
    assert "--configfile config/mine.yaml" in planned
    assert project.plan("--configfile", "config/mine.yaml").keys() >= {"figure_gallery"}


def test_files_that_the_page_names_exist(project):
    named = set(re.findall(r"`(results/mine/[\w./]+)`", PAGE))
    # The last command, which is only planned here, writes the study page.
    assert len(named) == 5
    missing = {name for name in named if not (project.folder / name).is_file()}
    assert missing == {"results/mine/study.html"}
    assert "study_page" in project.plan(*missing, "--configfile", "config/mine.yaml")
