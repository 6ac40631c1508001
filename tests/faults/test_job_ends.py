"""How a job ends: by an error, Ctrl-C or SIGTERM, or because Snakemake was killed."""

import signal
import subprocess
import sys
import time

import pytest

from fidelity.base.errors import InputError
from fidelity.base.job_log import job_log
from tests.helpers import ROOT

LIBRARY = ROOT / "workflow_scripts"
JOB = """
import sys, time
from pathlib import Path
sys.path.insert(0, {library!r})
from fidelity.base.files import atomic_path
from fidelity.base.job_log import job_log

with job_log("job.log"), atomic_path("result.txt") as temporary:
    temporary.write_text("half")
    Path("ready").touch()
    time.sleep(120)
"""


def job(folder):
    (folder / "job.py").write_text(JOB.format(library=str(LIBRARY)))
    return [sys.executable, "job.py"]


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGTERM, "stopped by SIGTERM; run again"), (signal.SIGINT, "interrupted; run again")],
)
def test_signals_end_a_job_in_good_order(tmp_path, number, said):
    run = subprocess.Popen(
        job(tmp_path), cwd=tmp_path, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    until((tmp_path / "ready").exists)
    run.send_signal(number)
    assert run.wait(60) == 128 + number
    assert said in (tmp_path / "job.log").read_text()
    assert {p.name for p in tmp_path.iterdir()} == {"job.py", "job.log", "ready"}


def test_a_job_ends_with_the_process_that_started_it(tmp_path):
    """A worker also ends when its Snakemake is killed by `kill -9`."""
    script = f"import subprocess; subprocess.run({job(tmp_path)!r})"
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    until((tmp_path / "ready").exists)
    parent.kill()
    parent.wait()
    until(lambda: {p.name for p in tmp_path.iterdir()} == {"job.py", "job.log", "ready"})
    assert (
        "the process that started this job (Snakemake) has ended"
        in (tmp_path / "job.log").read_text()
    )


@pytest.mark.parametrize(
    ("error", "said", "traceback"),
    [
        (InputError("is wrong", file="a.csv"), "a.csv: is wrong", False),
        (OSError(28, "No space left on device"), "cannot be written", False),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero", True),
    ],
)
def test_errors(tmp_path, error, said, traceback):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, job_log(tmp_path / "job.log"):
        raise error
    assert ended.value.code == 1
    text = (tmp_path / "job.log").read_text()
    assert said in text
    assert ("Traceback" in text) == traceback
    assert signal.getsignal(signal.SIGTERM) == before
