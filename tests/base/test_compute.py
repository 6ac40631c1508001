"""The waiting mode of torch's threads is set before torch is loaded, unless the user set it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow_scripts"
PROGRAM = """
import os, sys
import fidelity
assert "torch" not in sys.modules
print(os.environ["OMP_WAIT_POLICY"])
"""


@pytest.mark.parametrize(("own", "used"), [(None, "passive"), ("active", "active")])
def test_threads_wait_without_spinning(monkeypatch, own, used):
    monkeypatch.setenv("PYTHONPATH", str(SCRIPTS))
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if own:
        monkeypatch.setenv("OMP_WAIT_POLICY", own)
    assert subprocess.check_output([sys.executable, "-c", PROGRAM], text=True).strip() == used
