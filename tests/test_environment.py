"""The lock files, the conda environment and the container recipe name the same versions."""

import re
from pathlib import Path

import yaml

ENVS = Path(__file__).parents[1] / "envs"


def _pins(name: str) -> list[str]:
    return [line for line in (ENVS / name).read_text().splitlines() if line.strip()]


def _names(lines: list[str]) -> set[str]:
    return {re.split(r"[=<>; ]", line, maxsplit=1)[0].lower() for line in lines}


def test_lock_files_hold_names_and_exact_versions_only():
    for name in ("requirements.lock", "requirements-dev.lock"):
        for line in _pins(name):
            assert re.fullmatch(r'[a-z0-9-]+==[\w.]+( ; sys_platform == "linux")?', line), line


def test_everything_asked_for_is_locked():
    asked = [line for line in _pins("requirements.in") if not line.startswith("#")]
    assert _names(asked) <= _names(_pins("requirements.lock"))
    asked = [line for line in _pins("requirements-dev.in") if not line.startswith("#")]
    assert _names(asked) <= _names(_pins("requirements-dev.lock"))


def test_conda_installs_the_locked_versions():
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == _pins("requirements.lock")


def test_the_container_installs_the_lock_file():
    assert "--requirement /tmp/requirements.lock" in (ENVS / "Containerfile").read_text()
