"""Which explainers run on a cluster's head node, and which are submitted."""

import re

import pytest

from fidelity.explainers.registry import METHODS, PLUGIN
from fidelity.tools.estimate import plan
from tests.helpers import ROOT
from tests.helpers.small_study import CONFIG, PARTS, Study

EXPLAINERS = {
    "lime": {"method": "lime"},
    "mine": {"method": "plugin:heavy"},
    "unet": {"method": "unet"},
    "noise": {"method": "random_superpixels"},
    "made": {"method": "imported", "folder": "made", "pattern": "{case}.npy"},
    "lung": {"method": "lung_mask"},
    "mean": {"method": "mean_mask"},
}


@pytest.fixture
def study(tmp_path):
    """A study with an explainer of each kind, before its first run."""
    for part in PARTS:
        (tmp_path / part).symlink_to(ROOT / part)
    (tmp_path / "mine.py").write_text("def heavy(classifier, image, target, seed): ...\n")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "one.npy").touch()
    phantom = {"source": "phantom", "annotated_classes": ["COVID-19"], "shards": {"test": 1}}
    study = Study(tmp_path)
    study.write(
        CONFIG | {"datasets": {"d": phantom}, "explainers": EXPLAINERS, "plugins": ["mine.py"]}
    )
    return study


@pytest.fixture
def planned(study):
    """Plan the study, and return the rule that runs each explainer."""
    # There is one line per output file, with the rule in the third column.
    printed = study.snakemake("--dry-run", "--detailed-summary")
    rows = [line.split("\t") for line in printed.splitlines() if "/maps/test-000.h5\t" in line]
    return {row[0].split("/")[3]: row[2] for row in rows}


def test_only_explainers_of_seconds_run_where_snakemake_runs(planned):
    assert planned == {
        "lime": "explain",
        "mine": "explain",
        "unet": "explain",
        "noise": "explain_on_cpu",
        "made": "explain_on_cpu",
        "lung": "explain_without_network",
        "mean": "explain_without_network",
    }
    local = re.search(r"^localrules:\n((?:    \w+,\n)+)", (ROOT / "Snakefile").read_text(), re.M)[1]
    assert re.findall(r"\bexplain\w*|\bfit\b", local) == ["explain_without_network"]


def test_of_the_fitted_explainers_only_the_network_requests_a_gpu(study, monkeypatch):
    monkeypatch.chdir(study.folder)
    jobs = plan.planned("study.yaml", ["compute={device: cuda}"])
    fits = {
        job.wildcards["explainer"]: job.snakemake().resources for job in jobs if job.rule == "fit"
    }
    assert {name: found.get("gpu", 0) for name, found in fits.items()} == {"unet": 1, "mean": 0}


def test_a_plugin_has_a_classifier_and_so_a_network():
    """Otherwise, a plan could treat `method: plugin:…` as an explainer of seconds."""
    assert PLUGIN.needs_classifier
    assert not any(
        m.takes_minutes and (m.needs_classifier or m.own_network) for m in METHODS.values()
    )
