"""A folder that Snakemake cannot lock: which process holds the lock, and which command helps."""

import subprocess
import sys

import pytest

from fidelity.tools import folder_lock, next_steps

SLEEP = "import time; print(flush=True); time.sleep(60)"


@pytest.fixture
def waiting(tmp_path):
    """Return a function that starts a process called `snakemake` in a folder.

    The processes end with the test.
    """
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
    waiting("--dry-run")  # only reads, and locks nothing
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


def test_the_command_to_unlock_is_that_of_the_user(monkeypatch):
    monkeypatch.delenv("MAKELEVEL", raising=False)
    plain = next_steps.unlocking("a b.yaml, c.yaml", {"data_root": "/x"})
    assert plain == "snakemake --unlock --configfile 'a b.yaml' c.yaml --config data_root=/x"
    monkeypatch.setenv("MAKELEVEL", "1")
    assert next_steps.unlocking("a.yaml") == "make unlock CONFIG=a.yaml"
