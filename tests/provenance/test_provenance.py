"""Provenance is complete, equal for equal studies, and does not show who ran it or where."""

import copy
import getpass
import json
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fidelity.base.errors import InputError
from fidelity.presentation.titles import Display, showing
from fidelity.provenance import machine
from fidelity.provenance.collect import build, cases_digest
from fidelity.provenance.cost import cost_csv, cost_rows, cost_table
from fidelity.provenance.privacy import OUTSIDE, without_places
from fidelity.provenance.provenance_page import to_page
from fidelity.provenance.steps import read_steps, totals
from fidelity.provenance.words import STEPS
from fidelity.tools.estimate.rules import RULES

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
PATTERNS = {
    "train": r"results/benchmarks/(?P<dataset>d)/(?P<classifier>net)/train\.tsv",
    "explain": r"results/benchmarks/(?P<dataset>d)/(?P<classifier>net|none)/"
    r"(?P<explainer>lime|cam)/explain/(?P<shard>(train|val|test)-\d{3})\.tsv",
}
# Fields of a step that may differ between two runs of one study.
TIMES = ("seconds", "cpu_seconds", "peak_memory_mb")
WANTED = {"dataset": ["d"], "shard": ["test-000", "test-001"]}


def without_times(provenance):
    """Remove the fields that differ between two runs of one study on one machine."""
    return {
        **provenance,
        "totals": {k: v for k, v in provenance["totals"].items() if k not in TIMES},
        "steps": [
            {k: v for k, v in step.items() if k not in TIMES} for step in provenance["steps"]
        ],
    }


def _job(folder, name, seconds, rss="100.0", passes=None):
    path = folder / "results/benchmarks" / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}{seconds}\t0:00:01\t{rss}\t1\t1\t1\t0\t0\t50\t{seconds / 2}\n")
    if passes:
        log = folder / "results/logs" / f"{name}.passes.json"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(
            json.dumps(dict(zip(("forward", "backward", "device"), passes, strict=True)))
        )


def _study(folder, slower=1.0):
    """Write a finished study's files. `slower` is the factor by which this run took longer."""
    _job(folder, "d/net/train", 40.0 * slower, "900.5", (3200, 2400, "cpu"))
    _job(folder, "d/net/lime/explain/test-000", 10.0 * slower, "300.0", (1000, 0, "cpu"))
    _job(folder, "d/net/lime/explain/test-001", 5.0 * slower, "NA", (500, 0, "cpu"))
    _job(folder, "d/none/cam/explain/test-000", 1.0 * slower, "-")
    # Left behind by other configs.
    _job(folder, "d/net/removed/explain/test-000", 99.0)
    _job(folder, "d/net/lime/explain/test-007", 99.0)
    _job(folder, "other/net/train", 99.0)
    meta = {"architecture": "resnet18", "training": {"seed": 7, "epoch": 3}}
    (folder / "results/d/net").mkdir(parents=True, exist_ok=True)
    model = folder / "results/d/net/model.safetensors"
    save_file({"w": np.zeros(2, np.float32)}, model, {"fidelity": json.dumps(meta)})
    (folder / "cases.csv").write_text("case,digest\na,11\nb,22\n")
    (folder / "manifest.json").write_text(json.dumps({"source": "table", "cases": {"test/A": 2}}))
    (folder / "localization.csv").write_text("mean\n0.5\n")
    (folder / "start.pt").write_bytes(b"weights")
    (folder / "home" / "jo").mkdir(parents=True, exist_ok=True)
    (folder / "home/jo/mine.py").write_text("def f(): pass\n")
    return {
        "seed": 1,
        "data_root": "/home/jo/xrays",
        "datasets": {"d": {"source": "table", "root": "../../jo/data", "table": "cases.csv"}},
        "classifiers": {"net": {"architecture": "resnet18", "weights": str(folder / "start.pt")}},
        "explainers": {"lime": {"method": "lime", "samples": 100}},
        "plugins": ["/home/jo/mine.py"],
    }


def _build(folder, config):
    return build(
        "d",
        config,
        folder / "cases.csv",
        folder / "manifest.json",
        {"net": folder / "results/d/net/model.safetensors"},
        [folder / "localization.csv"],
        {"/home/jo/mine.py": "abcd"},
        PATTERNS,
        WANTED,
        folder,
    )


def test_all_that_was_promised_is_there(tmp_path):
    found = _build(tmp_path, _study(tmp_path))
    assert list(found) == [
        "schema",
        "dataset",
        "code",
        "accepted",
        "config",
        "inputs",
        "classifiers",
        "tables",
        "seeds",
        "environment",
        "hardware",
        "totals",
        "steps",
        "notes",
    ]
    assert found["seeds"] == {"config": 1, "training": {"net": 7}}
    assert found["config"]["explainers"] == {"lime": {"method": "lime", "samples": 100}}
    assert found["inputs"]["source"] == "table"
    assert found["inputs"]["indexed_cases"] == 2
    assert len(found["inputs"]["start_weights"]["net"]) == 32
    packages = found["environment"]["packages"]
    assert {"torch", "numpy", "snakemake"} <= set(packages)
    assert found["hardware"]["cores"] >= 1
    assert found["hardware"]["memory_gib"] > 0.1
    assert found["hardware"]["cpu"]


def test_steps_are_those_of_the_config_with_their_numbers(tmp_path):
    _study(tmp_path)
    steps = read_steps(PATTERNS, WANTED, tmp_path)
    assert [(s["rule"], s["wildcards"].get("shard")) for s in steps] == [
        ("explain", "test-000"),
        ("explain", "test-001"),
        ("explain", "test-000"),
        ("train", None),
    ]
    lime = steps[0]
    assert lime["wildcards"]["explainer"] == "lime"
    assert (lime["seconds"], lime["cpu_seconds"], lime["peak_memory_mb"]) == (10.0, 5.0, 300.0)
    assert (lime["forward"], lime["backward"], lime["device"]) == (1000, 0, "cpu")
    assert steps[1]["peak_memory_mb"] is None
    assert (steps[2]["forward"], steps[2]["device"]) == (0, "")
    assert totals(steps) == {
        "jobs": 4,
        "seconds": 56.0,
        "cpu_seconds": 28.0,
        "forward": 4700,
        "backward": 2400,
        "peak_memory_mb": 900.5,
    }


def test_a_foreign_file_among_the_benchmarks(tmp_path):
    _study(tmp_path)
    (tmp_path / "results/benchmarks/d/net/train.tsv").write_text("")
    with pytest.raises(InputError, match="not a benchmark"):
        read_steps(PATTERNS, WANTED, tmp_path)


def test_two_runs_differ_in_times_alone(tmp_path):
    first, second = tmp_path / "one", tmp_path / "two"
    runs = [_build(f, _study(f, slower)) for f, slower in ((first, 1.0), (second, 1.7))]
    assert runs[0] != runs[1]
    texts = [json.dumps(without_times(run)) for run in runs]
    assert texts[0] == texts[1]  # the order of keys is the same too


def test_what_decides_results_shows(tmp_path):
    config = _study(tmp_path)
    before = without_times(_build(tmp_path, config))
    (tmp_path / "cases.csv").write_text("case,digest\na,11\nb,23\n")
    after = without_times(_build(tmp_path, config))
    assert before["inputs"]["digest"] != after["inputs"]["digest"]
    changed = copy.deepcopy(config)
    changed["explainers"]["lime"]["samples"] = 200
    assert _build(tmp_path, changed)["config"] != after["config"]


def test_the_order_of_cases_does_not_count(tmp_path):
    (tmp_path / "a.csv").write_text("case,digest\na,11\nb,22\n")
    (tmp_path / "b.csv").write_text("case,digest\nb,22\na,11\n")
    assert cases_digest(tmp_path / "a.csv") == cases_digest(tmp_path / "b.csv")


def test_neither_people_nor_machines_nor_places_get_in(tmp_path, monkeypatch):
    monkeypatch.setenv("USER", "jo")
    monkeypatch.setenv("HOME", "/home/jo")
    found = _build(tmp_path, _study(tmp_path))
    for text in (json.dumps(found), to_page(found)):
        # Search whole words: a machine may be called "localhost" and a user "root", like keys.
        assert "/home" not in text
        assert "jo/" not in text
        assert "/jo" not in text
        assert str(tmp_path) not in text
        if socket.gethostname() not in ("localhost", ""):
            assert f'"{socket.gethostname()}"' not in text
            assert f" {socket.gethostname()} " not in text
        assert f'"{getpass.getuser()}"' not in text.replace('"root":', "")
    assert found["config"]["data_root"] == OUTSIDE
    assert found["config"]["datasets"]["d"]["root"] == OUTSIDE
    assert found["config"]["plugins"] == [OUTSIDE]
    assert found["inputs"]["plugins"] == ["abcd"]
    # A path inside the project does not identify the machine, and it helps to find the file.
    assert found["config"]["classifiers"]["net"]["weights"] == "start.pt"
    assert found["config"]["datasets"]["d"]["table"] == "cases.csv"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/jo", OUTSIDE),
        ("~/x", OUTSIDE),
        ("C:\\Users\\jo", OUTSIDE),
        ("\\\\server\\jo", OUTSIDE),
        ("file:///home/jo", OUTSIDE),
        ("../jo", OUTSIDE),
        ("a/../../jo", OUTSIDE),
        ("/project/data/x", "data/x"),
        ("/project", "."),
        ("data/x", "data/x"),
        ("timm:a/b", "timm:a/b"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("read from /home/jo/x and more", f"read from {OUTSIDE} and more"),
        ("0.5 / 2", "0.5 / 2"),
        (".", "."),
    ],
)
def test_places(tmp_path, text, expected):
    assert without_places([{"k": text}], Path("/project")) == [{"k": expected}]


def _git(folder, *arguments):
    command = ["git", "-c", "user.name=x", "-c", "user.email=x", "-C", str(folder), *arguments]
    subprocess.run(command, check=True, capture_output=True)


def test_code_version_with_and_without_git(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "workflow_scripts").mkdir()
    (tmp_path / "Snakefile").write_text("rule all:\n")
    plain = machine.code_version(tmp_path)
    assert (plain["commit"], plain["dirty"]) == (None, None)
    assert plain["version"] == "0.1.0"
    _git(tmp_path, "init", "-q")
    assert machine.code_version(tmp_path)["commit"] is None  # a copy inside a foreign repository
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "x")
    clean = machine.code_version(tmp_path)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "x").write_text("not tracked")
    assert machine.code_version(tmp_path)["dirty"] is False
    (tmp_path / "Snakefile").write_text("rule all: # edited\n")
    edited = machine.code_version(tmp_path)
    assert edited["dirty"] is True
    assert edited["digest"] != clean["digest"] == plain["digest"]


def test_machine_without_tools(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert machine.hardware()["gpus"] == []
    assert machine.code_version()["commit"] is None


def test_the_page_shows_steps_added_up(tmp_path):
    page = to_page(_build(tmp_path, _study(tmp_path)))
    assert "<td>lime</td><td>cpu</td>" in page
    assert ">1,500<" in page
    assert ">4,700<" in page
    # The steps are in the order of a run, not sorted by rule name.
    assert page.index(">Training the classifier<") < page.index(">Making maps<")
    assert "resnet18" in page
    assert "explainers.lime.samples" in page


def test_the_page_has_words_beside_keys(tmp_path):
    found = _build(tmp_path, _study(tmp_path))
    found["accepted"] = [{"rule": "score", "file": "a", "computed_by": "b", "accepted_for": "c"}]
    found["config"]["protocols"] = ["default", "seed"]
    found["inputs"] |= {"source": "phantom", "plugins": []}
    shown = Display(
        classifiers={"net": "ResNet-18"},
        explainers={"lime": "LIME"},
        protocols={"default": "Default", "seed": "Original LIME study"},
    )
    with showing(shown):
        page = to_page(found)
    for cells in (
        ("Git commit", "code.commit"),
        ("Images: test split, A", "inputs.cases.test/A"),
        ("Kind of data set", "inputs.source", "phantom (generated images)"),
        ("Fingerprints of the plugins", "inputs.plugins", "none"),
        ("Weights that ResNet-18 starts from, or their fingerprint", "inputs.start_weights.net"),
        ("ResNet-18: epoch whose weights were kept", "classifiers.net.kept_epoch"),
        ("Fingerprint of the code that it was kept for", "accepted[0].accepted_for"),
        ("Seed of the training of ResNet-18", "seeds.training.net"),
        ("Package torch", "environment.packages.torch"),
        ("Samples", "explainers.lime.samples"),
        ("Data root", "data_root"),
        # This is not a random seed.
        ("Protocols", "protocols", "default, seed (Original LIME study)"),
    ):
        assert "<td>" + "</td><td>".join(cells) + "</td>" in page
    assert ">Explainer “LIME”</span></th>" in page
    assert ">Making maps<" in page


def test_each_step_that_the_page_may_show_has_words():
    beside = ("figure_", "export_", "agreement", "explore", "paper", "study_page", "known_truth")
    beside += ("human_benchmark", "layers", "summary_over", "threshold_curves", "provenance")
    assert {name for name in RULES if not name.startswith(beside)} == {*STEPS}


def test_costs_are_added_up_by_explainer(tmp_path):
    _study(tmp_path)
    rows = cost_rows(read_steps(PATTERNS, WANTED, tmp_path), "d")
    keys = [(r["classifier"], r["explainer"], r["step"], r["jobs"]) for r in rows]
    assert keys == [
        ("net", "lime", "explain", 2),
        ("net", "lime", "all", 2),
        ("none", "cam", "explain", 1),
        ("none", "cam", "all", 1),
    ]
    lime = rows[1]
    assert lime["cpu_hours"] == pytest.approx(7.5 / 3600, abs=1e-6)
    assert lime["wall_hours"] == pytest.approx(15 / 3600, abs=1e-6)
    assert (lime["peak_memory_mb"], lime["forward"]) == (300.0, 1500)
    text = cost_csv(rows)
    assert text.splitlines()[0].startswith("dataset,classifier,explainer,step,jobs,wall_hours")
    assert "d,none,cam,all,1," in text
    assert ",,0,0" in text.splitlines()[-1]  # memory that was never sampled is an empty cell
    table = cost_table(rows)
    assert [row[:2] for row in table.rows] == [["lime", "net"], ["cam", "–"]]


def test_a_job_too_short_to_be_sampled_counts_with_its_wall_clock():
    step = {
        "rule": "explain", "wildcards": {"classifier": "net", "explainer": "cam"},
        "seconds": 3.6, "cpu_seconds": None, "peak_memory_mb": None, "forward": 0, "backward": 0,
    }  # fmt: skip
    (_, row) = cost_rows([step], "d")
    assert row["cpu_hours"] == pytest.approx(0.001)


def test_checks_of_the_maps_are_costs_of_their_explainer():
    def step(rule, seconds):
        return {
            "rule": rule, "wildcards": {"classifier": "net", "explainer": "cam"}, "passes": 0,
            "seconds": seconds, "cpu_seconds": seconds, "peak_memory_mb": 9, "forward": 0,
            "backward": 0,
        }  # fmt: skip

    done = [("explain", 360), ("faithfulness", 720), ("sensitivity", 360), ("sanity", 720)]
    rows = cost_rows([step(*one) for one in done], "d")
    assert [row["step"] for row in rows] == [name for name, _ in done] + ["all"]
    (row,) = cost_table(rows).rows
    assert row[3:6] == ["0.600", "0.100", "0.500"]


@pytest.mark.parametrize("rule", ["explain", "explain_on_cpu", "explain_without_network"])
def test_all_rules_that_make_maps_count_as_making_maps(rule):
    step = {
        "rule": rule, "wildcards": {"classifier": "none", "explainer": "lung"}, "seconds": 1800,
        "cpu_seconds": 1800, "peak_memory_mb": 9, "forward": 0, "backward": 0,
    }  # fmt: skip
    (row,) = cost_table(cost_rows([step], "d")).rows
    assert row[3:5] == ["0.500", "0.500"]
