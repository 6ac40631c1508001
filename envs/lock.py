"""Resolve requirements*.in into requirements*.lock and environment.yaml: names and versions only.

Run by `make lock`. Uses pip's own resolver through its installation report.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ENVS = Path(__file__).resolve().parent
# Packages that exist for Linux alone; other systems' torch does without them.
LINUX_ONLY = re.compile(r"^(nvidia-|cuda-|triton$)")


def resolve(*requirements: Path) -> list[str]:
    """Ask pip which versions it would install into an empty environment."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        command += ["--quiet", "--report", report.name]
        for path in requirements:
            command += ["-r", str(path)]
        subprocess.run(command, check=True)
        found = json.loads(Path(report.name).read_text(encoding="utf-8"))["install"]
    return sorted(_pin(item["metadata"]) for item in found)


def _pin(metadata: dict[str, str]) -> str:
    name = re.sub(r"[-_.]+", "-", metadata["name"]).lower()
    marker = ' ; sys_platform == "linux"' if LINUX_ONLY.match(name) else ""
    return f"{name}=={metadata['version'].split('+')[0]}{marker}"


def conda_environment(pins: list[str]) -> str:
    """Write the same versions as a conda environment; conda gives Python, pip the packages."""
    lines = ["# Written by `make lock`: the versions of requirements.lock.", "name: xray-fidelity"]
    lines += ["channels:", "  - conda-forge", "  - nodefaults", "dependencies:"]
    lines += ["  - python=3.11", "  - pip", "  - pip:"]
    lines += [f"      - {json.dumps(pin) if ';' in pin else pin}" for pin in pins]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write both lock files and the conda environment."""
    run = resolve(ENVS / "requirements.in")
    (ENVS / "requirements.lock").write_text("\n".join(run) + "\n", encoding="utf-8")
    (ENVS / "environment.yaml").write_text(conda_environment(run), encoding="utf-8")
    # The locked versions bind the development tools too: both files install side by side.
    both = resolve(ENVS / "requirements.lock", ENVS / "requirements-dev.in")
    extra = [pin for pin in both if pin not in run]
    (ENVS / "requirements-dev.lock").write_text("\n".join(extra) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
