"""What `make` would type: the config is checked first; where targets and overrides go."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def typed(*arguments: str) -> list[str]:
    """Give the commands that make would run, without running them."""
    command = ["make", "--no-print-directory", "-n", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def only(lines: list[str], part: str) -> str:
    (line,) = [line for line in lines if part in line]
    return line


def test_targets_come_before_the_config_and_after_its_check():
    lines = typed("run", "TARGETS=masks_png figures", "CONFIG=config/mine.yaml", "CORES=3")
    check = only(lines, "check_config.py config/mine.yaml")
    run = only(lines, "/snakemake ")
    assert run.rstrip().endswith("--cores 3 masks_png figures --configfile config/mine.yaml")
    assert lines.index(check) < lines.index(run)
    assert not any("--report" in line for line in lines)


@pytest.mark.parametrize(
    ("given", "shell"),
    [
        ("data_root=/data seed=2", "data_root=/data seed=2"),
        ("compute={threads: 1}", "'compute={threads: 1}'"),
        ("seed=2 compute={threads: 1, batch: 4}", "'seed=2' 'compute={threads: 1, batch: 4}'"),
        ("'compute={threads: 1}'", "'compute={threads: 1}'"),
    ],
)
@pytest.mark.parametrize("command", ["run", "report", "estimate", "progress", "accept", "unlock"])
def test_overrides_reach_every_command(command, given, shell):
    lines = typed(command, f"SET={given}", "CONFIG=config/mine.yaml")
    found = [line for line in lines if "--config " in line]
    assert found
    assert all(f"--config {shell}" in line for line in found)
