"""Progress: reports of a running job, and the state of a study by its files on disk."""

import os
from types import SimpleNamespace

import pytest

import progress as script
from fidelity.base.errors import InputError
from fidelity.base.progress import EVERY, Progress, duration, line
from fidelity.datasets.cases import Case, write_cases
from fidelity.explainers.unfinished_shards import PartialStore
from fidelity.maps.saliency_map import MapRecord
from fidelity.tools import dry_run
from fidelity.tools.dry_run import read_job_stats
from fidelity.tools.study_progress import states
from tests.helpers import ROOT

NOW = 1_000_000.0


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (42.4, "42 s"),
        (185, "3 min 5 s"),
        (6720, "1 h 52 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_line_says_cases_seconds_and_time_left():
    assert line("lime", 64, 1128, 1.204) == (
        "lime: 64 of 1,128 cases, 1.20 s per case, 21 min 21 s left"
    )
    assert line("lime", 64, 1128, 1.204, jobs=4).endswith("5 min 20 s left")
    assert line("lime", 8, 8, 0.02) == "lime: 8 of 8 cases, 0.020 s per case"


def test_a_job_speaks_now_and_then_and_at_the_end(caplog):
    caplog.set_level("INFO")
    clock = Clock()
    progress = Progress("cam", 40, clock)
    for done in range(4, 41, 4):
        clock.now += EVERY / 4
        progress.update(done, 4)
    assert [record.message.split(",")[0] for record in caplog.records] == [
        "cam: 16 of 40 cases",
        "cam: 32 of 40 cases",
        "cam: 40 of 40 cases",
    ]
    assert f"{EVERY / 16:.2f} s per case, 15 s left" in caplog.records[0].message


def test_what_an_earlier_run_did_does_not_make_a_resumed_one_look_fast(caplog):
    caplog.set_level("INFO")
    clock = Clock()
    progress = Progress("cam", 40, clock)
    clock.now = EVERY
    progress.update(25, 5)
    assert caplog.messages == ["cam: 25 of 40 cases, 2.00 s per case, 30 s left"]


def _shard(folder, name, sick, healthy):
    cases = [
        Case(f"{name}-{i}", "p", "test", ("A",), "i.png", masks={"A": "m.png"}) for i in range(sick)
    ]
    cases += [Case(f"{name}-h{i}", "p", "test", ("N",), "i.png") for i in range(healthy)]
    write_cases(folder / "results/d/shards" / f"{name}.csv", cases)


def _save(maps, shard, cases, seconds, fingerprint="now", age=5.0):
    """Store cases one by one, as their job does. All were saved `age` seconds ago."""
    store = PartialStore(maps / ".partial" / shard, fingerprint)
    for index in cases:
        store.save(index, [MapRecord(f"{shard}-{index}", "A", "", "ok", "", seconds)])
        os.utime(store.folder / f"{index:06d}.h5", (NOW - age, NOW - age))


def _progress(folder, pairs=(("net", "lime"),)):
    return states(pairs, "d", ["A"], ["test"], folder, NOW)


def test_a_study_is_read_from_disk(tmp_path):
    for name, sick in (("test-000", 10), ("test-001", 20), ("test-002", 30), ("train-000", 99)):
        _shard(tmp_path, name, sick, 5)
    maps = tmp_path / "results/d/net/lime/maps"
    maps.mkdir(parents=True)
    (maps / "test-000.h5").touch()
    benchmark = tmp_path / "results/benchmarks/d/net/lime/explain/test-000.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\th:m:s\n20.0\t0:00:20\n")
    # One shard is in progress, and the job of another was killed yesterday.
    _save(maps, "test-001", range(12), 2.0)
    _save(maps, "test-002", range(4), 2.0, age=86400.0)
    lime, lung = _progress(tmp_path, [("net", "lime"), ("none", "lung")])
    assert (lime.done, lime.total, lime.seconds, lime.jobs) == (10 + 12 + 4, 60, 2.0, 1)
    assert str(lime) == "lime, net, d: 26 of 60 cases, 2.00 s per case, 1 min 8 s left"
    assert str(lung) == "lung, none, d: 0 of 60 cases"


def test_the_first_case_that_is_saved_times_a_shard(tmp_path):
    _shard(tmp_path, "test-000", 20, 0)
    _save(tmp_path / "results/d/net/lime/maps", "test-000", [0], 3.0)
    (state,) = _progress(tmp_path)
    assert str(state) == "lime, net, d: 1 of 20 cases, 3.00 s per case, 57 s left"


def test_cases_that_the_job_at_work_will_discard_do_not_count(tmp_path):
    _shard(tmp_path, "test-000", 20, 0)
    maps = tmp_path / "results/d/net/lime/maps"
    _save(maps, "test-000", range(9), 8.0, "other settings", age=900.0)
    _save(maps, "test-000", range(2), 3.0)
    (state,) = _progress(tmp_path)
    assert (state.done, state.seconds) == (2, 3.0)


def test_a_damaged_batch_is_no_reason_to_fail(tmp_path):
    _shard(tmp_path, "test-000", 20, 0)
    maps = tmp_path / "results/d/net/lime/maps"
    _save(maps, "test-000", range(2), 3.0)
    (maps / ".partial/test-000/now/000002.h5").write_bytes(b"cut off")
    # The name that `atomic_path` gives to a file while it is written.
    (maps / ".partial/test-000/now/.000003.7.unfinished.h5").write_bytes(b"begun")
    (state,) = _progress(tmp_path)
    assert str(state).startswith("lime, net, d: 2 of 20 cases, 3.00 s per case")


def test_nothing_is_said_of_cases_that_are_not_listed(tmp_path):
    assert _progress(tmp_path) == []


PLAN = """Building DAG of jobs...
Job stats:
job                  count
-----------------  -------
explain                 12
figure_training          1
all                      1
total                   14
Job stats:
job                  count
-----------------  -------
explain                 12
total                   14
"""


def test_a_dry_run_is_read():
    assert read_job_stats(PLAN) == {"explain": 12, "figure_training": 1}
    assert read_job_stats("Nothing to be done (all requested files are present).") == {}
    with pytest.raises(InputError, match="cannot be read"):
        read_job_stats("Job counts:\n\tcount\tjobs\n\t1\tall\n")


def test_a_dry_run_that_fails_gives_its_reason(monkeypatch):
    said = "SNAKEMAKE\n  Host: vm\nWorkflowError in file common.smk:\nc.yaml, 'seed': is missing"
    failed = SimpleNamespace(returncode=1, stdout=said, stderr="Using profile profiles/default")
    monkeypatch.setattr(dry_run.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(InputError) as caught:
        dry_run.jobs_left("c.yaml")
    assert "'seed': is missing" in caught.value.problem
    assert "Host" not in caught.value.problem
    assert "'seed': is missing" in script.left("c.yaml", [])


def test_what_is_left_is_told_commonest_first(monkeypatch):
    counts = {f"rule{n}": n for n in range(1, 12)}
    monkeypatch.setattr(script, "jobs_left", lambda *_: counts)
    told = script.left("c.yaml", [])
    assert told.startswith("66 jobs left, ")
    assert ": rule11 11, rule10 10, rule9 9, " in told
    assert told.endswith(", rule4 4, others 6")
    monkeypatch.setattr(script, "jobs_left", lambda *_: {"explain": 1})
    assert script.left("c.yaml", []).startswith("1 job left, ")
    monkeypatch.setattr(script, "jobs_left", lambda *_: {})
    assert script.left("c.yaml", []) == "No job is left."


def test_a_study_that_has_not_begun(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script, "left", lambda *_: "all jobs left")
    script.main(str(ROOT / "config/config.yaml"), [])
    assert capsys.readouterr().out.splitlines() == [
        "training resnet18, demo: 0 of 12 epochs",
        "demo: its cases are not listed yet",
        script.NOTE,
        "all jobs left",
    ]
