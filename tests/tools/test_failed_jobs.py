"""The messages of `onerror` at the end of a failed run."""

import os
from types import SimpleNamespace

import pytest

from fidelity.base.errors import INTERRUPTED
from fidelity.tools.failed_jobs import (
    KILLED,
    NO_REASON,
    NO_SPACE,
    Failure,
    failures_of,
    told,
)

LOG = """[Tue] Job 3: Checking
Error in rule check_classifier:
    message: None
    jobid: 14
    output: results/mine/resnet18/architecture.json
    log: {first} (check log file(s) for error details)
Error in rule train:
    jobid: 15
    log: {second} (check log file(s) for error details)
Error in rule train:
    jobid: 15
    log: {second} (check log file(s) for error details)
Error in rule export:
    jobid: 16
    log: {third} (check log file(s) for error details)
Error in rule tiny:
    jobid: 17
"""


def test_each_failed_job_is_told_once_with_its_reason(tmp_path):
    paths = {name: tmp_path / f"{name}.log" for name in ("first", "second", "third")}
    paths["first"].write_text(
        "10:00:00 INFO begun\n10:00:01 ERROR 'layer': no layer 'x'. Known: y\n"
    )
    paths["second"].write_text(
        "10:00:00 ERROR the job failed\nTraceback (most recent call last):\n"
        '  File "a.py", line 1, in main\n    boom()\nValueError: NaN loss\n'
    )
    log = tmp_path / "snakemake.log"
    log.write_text(LOG.format(**paths))
    found = failures_of([log])
    assert [(one.rule, one.reason) for one in found] == [
        ("check_classifier", "'layer': no layer 'x'. Known: y"),
        ("train", "ValueError: NaN loss"),
        ("export", NO_REASON),
    ]
    text = told(found, "mine.yaml")
    assert text.startswith("3 failed jobs, config mine.yaml:\n  check_classifier: 'layer'")
    assert f"log: {paths['second']}\n" in text
    assert text.endswith("Finished results are kept.")


def test_an_interrupted_run_has_nothing_to_fix():
    stopped = Failure("train", "train.log", INTERRUPTED)
    broken = Failure("explain", "explain.log", "no layer 'x'")
    alone = told([stopped, stopped], "c.yaml")
    assert "interrupted" in alone
    assert "Fix" not in alone
    assert told([broken, stopped], "c.yaml") == told([broken], "c.yaml")


def test_nothing_failed(tmp_path):
    (tmp_path / "log").write_text("Finished.\n")
    assert told(failures_of([tmp_path / "log"]), "c.yaml") == ""
    assert failures_of([tmp_path / "absent"]) == []


@pytest.mark.parametrize(("left", "said"), [(0, NO_SPACE), (1, NO_REASON)])
def test_a_log_that_stayed_empty_on_a_full_disk(tmp_path, monkeypatch, left, said):
    """Such a job was once reported as killed."""
    own = tmp_path / "train.log"
    own.touch()
    (tmp_path / "log").write_text(f"Error in rule train:\n    log: {own}\n")
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=left))
    assert [one.reason for one in failures_of([tmp_path / "log"])] == [said]


def test_a_job_whose_log_breaks_off_was_killed(tmp_path):
    """Every end except SIGKILL writes an ERROR line. Logs of other programs end with the reason."""
    job, log = tmp_path / "job.log", tmp_path / "snakemake.log"
    log.write_text(f"Error in rule train:\n    log: {job} (check log file(s) for error details)\n")
    job.write_text("10:00:00 INFO net: 3 of 40 cases\n")
    assert [one.reason for one in failures_of([log])] == [KILLED]
    job.write_text("[NbConvertApp] begun\nRuntimeError: Kernel died\n")
    assert [one.reason for one in failures_of([log])] == ["RuntimeError: Kernel died"]


def test_a_refused_submission_is_not_explained_by_the_log_of_an_earlier_run(tmp_path):
    job, log = tmp_path / "job.log", tmp_path / "snakemake.log"
    job.write_text("10:00:00 INFO finished yesterday\n")
    for message in ("Job submission failed with exception: no account", "SLURM-job '7' failed"):
        log.write_text(
            f"Error in rule train:\n    message: {message}For further error details see x.\n"
            f"    log: {job} (check log file(s) for error details)\n"
        )
        (found,) = failures_of([log])
        assert found.reason.startswith(message)
        assert (KILLED in found.reason) == message.startswith("SLURM-job")
