"""CI fails if a test is skipped that is not listed."""

import subprocess
import sys

import pytest

from tests.helpers import ROOT
from tests.helpers.skips import unexpected

LISTING = """
# a comment
tests/slurm/
tests/test_a.py::test_one[
"""


def test_what_is_not_listed_is_unexpected():
    skipped = ["tests/slurm/test_slurm.py::test_x", "tests/test_a.py::test_one[1]"]
    assert unexpected(skipped, LISTING) == []
    assert unexpected([*skipped, "tests/test_a.py::test_two"], LISTING) == [
        "tests/test_a.py::test_two"
    ]
    assert unexpected(["tests/test_b.py"], "") == ["tests/test_b.py"]


def test_the_list_of_ci_names_tests_that_exist():
    lines = (ROOT / ".ci" / "allowed_skips").read_text().splitlines()
    for line in (line for line in lines if line and not line.startswith("#")):
        path, _, name = line.partition("::")
        assert (ROOT / path).exists(), line
        assert name.split("[")[0] in (ROOT / path).read_text() if name else True, line


@pytest.mark.parametrize(
    ("listing", "workers", "code"), [("test_skipping.py", "0", 0), ("# none", "2", 1)]
)
def test_a_run_fails_when_another_test_skips(tmp_path, listing, workers, code):
    """The hooks of tests/conftest.py are tested in a separate run. CI uses two workers."""
    (tmp_path / "conftest.py").write_text("from tests.helpers.skip_hooks import *\n")
    test = "import pytest\ndef test_a(): pytest.skip('why')\ndef test_b(): pass\n"
    (tmp_path / "test_skipping.py").write_text(test)
    (tmp_path / "allowed").write_text(listing)
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider"]
    command += ["--rootdir", str(tmp_path), "-c", "/dev/null", str(tmp_path)]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "ALLOWED_SKIPS": "allowed",
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == code, result.stdout + result.stderr
    assert ("test_skipping.py::test_a" in result.stdout) == bool(code)
