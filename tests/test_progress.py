"""Progress: what a job says while it works, and how far a study is by what lies on disk."""

import os

import pytest

from fidelity.datasets.cases import Case, write_cases
from fidelity.progress import EVERY, Progress, duration, line
from fidelity.settings import combinations_of
from fidelity.study_progress import states

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


def test_a_study_is_read_from_disk(tmp_path):
    for name, sick in (("test-000", 10), ("test-001", 20), ("test-002", 30), ("train-000", 99)):
        _shard(tmp_path, name, sick, 5)
    maps = tmp_path / "results/d/net/lime/maps"
    maps.mkdir(parents=True)
    (maps / "test-000.h5").touch()
    benchmark = tmp_path / "results/benchmarks/d/net/lime/explain/test-000.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\th:m:s\n20.0\t0:00:20\n")
    # One shard at work, and one whose job was killed yesterday.
    for shard, batches, age in (("test-001", 3, 5.0), ("test-002", 1, 86400.0)):
        for index in range(batches):
            path = maps / ".partial" / shard / f"{index:06d}.h5"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (NOW - age, NOW - age))
    pairs = [("net", "lime"), ("none", "lung")]
    lime, lung = states(pairs, "d", ["A"], ["test"], 4, tmp_path, NOW)
    assert (lime.done, lime.total, lime.seconds, lime.jobs) == (10 + 12 + 4, 60, 2.0, 1)
    assert str(lime) == "lime, net, d: 26 of 60 cases, 2.00 s per case, 1 min 8 s left"
    assert str(lung) == "lung, none, d: 0 of 60 cases"


def test_an_unfinished_first_shard_is_timed_by_its_batches(tmp_path):
    _shard(tmp_path, "test-000", 20, 0)
    for index in range(3):
        path = tmp_path / "results/d/net/lime/maps/.partial/test-000" / f"{index:06d}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (NOW - 24 + 12 * index,) * 2)
    (state,) = states([("net", "lime")], "d", ["A"], ["test"], 4, tmp_path, NOW)
    assert (state.done, state.seconds, state.jobs) == (12, 3.0, 1)


def test_nothing_is_said_of_cases_that_are_not_listed(tmp_path):
    assert states([("net", "lime")], "d", ["A"], ["test"], 4, tmp_path, NOW) == []


def test_explainers_without_a_classifier_are_counted_once():
    explainers = {"lime": {"method": "lime"}, "lung": {"method": "lung_mask"}}
    assert combinations_of(explainers, ["a", "b"]) == [
        ("a", "lime"),
        ("b", "lime"),
        ("none", "lung"),
    ]
