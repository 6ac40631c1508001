"""A folder that Snakemake cannot lock: whose the lock is, and what to type."""

import logging
import subprocess
import sys

import pytest

from fidelity.tools import folder_lock, next_steps

SLEEP = "import time; print(flush=True); time.sleep(60)"


@pytest.fixture
def waiting(tmp_path):
    """Processes called `snakemake` in a folder; ended with the test."""
    script, started = tmp_path / "snakemake", []
    script.write_text(SLEEP)

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, str(script), *arguments], cwd=tmp_path, stdout=subprocess.PIPE
        )
        started.append(process)
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_run_that_is_alive_is_named_and_its_lock_is_not_to_be_removed(waiting, tmp_path):
    waiting("--dry-run")  # looks, and locks nothing
    run = waiting("--cores", "2")
    assert [process.pid for process in folder_lock.owners(tmp_path)] == [run.pid]
    said = folder_lock.told(tmp_path, "UNLOCK")
    assert f"Process {run.pid} " in said
    assert "UNLOCK" not in said


def test_the_lock_of_a_killed_run_comes_with_the_command_that_removes_it(waiting, tmp_path):
    run = waiting()
    run.kill()
    run.wait()
    assert "Then type: UNLOCK\n" in folder_lock.told(tmp_path, "UNLOCK")


def test_the_advice_is_added_to_snakemakes_own_message_alone(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("test_locked")
    logger.addFilter(folder_lock.Advice(lambda: "UNLOCK"))
    logger.error("cannot be locked", extra={"exception": "LockException"})
    logger.error("something else", extra={"exception": "WorkflowError"})
    assert [("UNLOCK" in record.message) for record in caplog.records] == [True, False]


def test_the_command_to_unlock_is_that_of_the_user(monkeypatch):
    monkeypatch.delenv("MAKELEVEL", raising=False)
    plain = next_steps.unlocking("a b.yaml, c.yaml", {"data_root": "/x"})
    assert plain == "snakemake --unlock --configfile 'a b.yaml' c.yaml --config data_root=/x"
    monkeypatch.setenv("MAKELEVEL", "1")
    assert next_steps.unlocking("a.yaml") == "make unlock CONFIG=a.yaml"
