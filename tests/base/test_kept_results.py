"""Every expensive rule keeps results of earlier settings, restores them, and limits their size."""

import json
import logging
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from fidelity.base import counting, kept_results
from fidelity.base.job_log import job_log
from fidelity.provenance.steps import read_steps
from tests.helpers import ROOT

DEAR_MINUTES = 60
# Rules that keep nothing here: downloads and links (they have their own store), exports, pictures.
WITHOUT = {"acquire", "masks_png", "export_chexlocalize"}


@pytest.fixture
def job(tmp_path):
    """Return a job with one input file, one input folder, and two outputs of the same name."""
    (tmp_path / "in.csv").write_text("1")
    (tmp_path / "raw-1").mkdir()
    return SimpleNamespace(
        rule="explain",
        params={"settings": {"layer": "a"}, "max_failed_cases": 0, "digest": "1"},
        input=[str(tmp_path / "in.csv"), str(tmp_path / "raw-1")],
        output=[str(tmp_path / "maps/x.h5"), str(tmp_path / "more/x.h5")],
    )


def run(job, text="new", fail=False):
    """Run a job as Snakemake does: delete its output first. Return whether the job computed."""
    for path in map(Path, job.output):
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
    with kept_results.results_of(job) as there:
        if not there:
            if fail:
                raise ValueError("broken")
            for path in job.output:
                Path(path).write_text(text)
    return not there


def contents(job):
    return [Path(path).read_text() for path in job.output]


def test_a_failed_change_of_settings_costs_nothing(job):
    assert run(job, "A")
    job.params["settings"]["layer"] = "wrong"
    with pytest.raises(ValueError, match="broken"):
        run(job, fail=True)
    assert not Path(job.output[0]).exists()
    job.params["settings"]["layer"] = "a"
    job.params["max_failed_cases"] = 3  # this param decides how a job ends, not what it computes
    assert not run(job)
    assert contents(job) == ["A", "A"]


@pytest.mark.parametrize("change", ["params", "input", "folder", "also"])
def test_whatever_decides_a_result_is_in_its_fingerprint(job, change):
    def name():
        return kept_results.fingerprint(job.rule, job.params, job.input, also)

    also, before = "", None
    before = name()
    assert before == name()
    if change == "params":
        job.params["digest"] = "2"
    elif change == "input":
        Path(job.input[0]).write_text("2")
    elif change == "folder":
        Path(job.input[1]).rename(Path(job.input[1]).with_name("raw-2"))
        job.input[1] = job.input[1].replace("raw-1", "raw-2")
    else:
        also = "x"
    assert name() != before


def test_links_take_no_space_and_two_results_are_kept(job):
    for layer in "abc":
        job.params["settings"]["layer"] = layer
        assert run(job, layer)
    assert Path(job.output[0]).stat().st_nlink == 2
    store = Path(job.output[0]).parent / kept_results.FOLDER / "x.h5"
    assert len(list(store.iterdir())) == kept_results.BOUND
    job.params["settings"]["layer"] = "b"
    assert not run(job)
    job.params["settings"]["layer"] = "a"
    assert run(job, "a")  # the oldest result was removed


def test_a_changed_or_half_kept_result_is_computed_anew(job):
    run(job, "A")
    Path(job.output[1]).write_text("damaged in place")
    assert run(job, "A")
    (note,) = (Path(job.output[0]).parent / kept_results.FOLDER).rglob(kept_results.NOTE)
    note.write_text("{")
    assert run(job, "A")


def test_forced_jobs_compute(job, monkeypatch):
    run(job)
    monkeypatch.setenv(kept_results.FORCED, "1")
    assert run(job)
    monkeypatch.setenv(kept_results.FORCED, "0")
    assert not run(job)


def test_file_systems_without_hard_links_and_full_ones_stop_no_job(job, monkeypatch, caplog):
    def refuse(*names):
        raise OSError("not here")

    monkeypatch.setattr(kept_results.os, "link", refuse)
    assert run(job, "A")
    assert not run(job)
    assert contents(job) == ["A", "A"]
    job.params["digest"] = "2"
    monkeypatch.setattr(kept_results.shutil, "copy2", refuse)
    with caplog.at_level(logging.WARNING):
        assert run(job, "B")
    assert contents(job) == ["B", "B"]
    assert "could not be stored for reuse" in caplog.text


def test_the_account_is_of_the_computing_not_of_the_taking_back(job, tmp_path):
    log = tmp_path / "results/logs/d/explain.log"
    benchmark = tmp_path / "results/benchmarks/d/explain.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\tcpu_time\tmax_rss\n0.5\tNA\tNA\n")
    with job_log(log):
        counting._counter.passes.forward = 40
        run(job)
    with job_log(log):
        assert not run(job)
    (note,) = (Path(job.output[0]).parent / kept_results.FOLDER).rglob(kept_results.NOTE)
    took = json.loads(note.read_text())["took"]
    (step,) = read_steps({"explain": r"results/benchmarks/d/explain\.tsv"}, {}, tmp_path)
    assert step["forward"] == 40
    assert {key: step[key] for key in took} == took
    assert took["peak_memory_mb"] > 1
    shutil.rmtree(note.parents[1])
    with job_log(log):
        assert run(job)
    assert not counting.beside(log).exists()  # this run computed, so Snakemake's own numbers count


def test_every_rule_that_may_take_an_hour_keeps_its_results():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    dear = set()
    for rule in re.split(r"\n(?=(?:use )?(?:rule|checkpoint) )", text):
        script = re.search(r"workflow_scripts/(\w+)\.py", rule)
        runtime = re.search(r"needs\(\s*\d+,\s*(\d+)", rule)
        if script and runtime and int(runtime[1]) >= DEAR_MINUTES:
            dear.add(script[1])
    assert {"explain", "train", "fit", "prepare", "faithfulness", "fit_lung_model"} <= dear
    for name in dear - WITHOUT:
        source = (ROOT / f"workflow_scripts/{name}.py").read_text()
        assert re.search(
            r"run_job\(\s*\w+,\s*snakemake,\s*keep=True|results_of\(snakemake", source
        ), name
