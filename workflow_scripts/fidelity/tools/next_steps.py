"""What a run of plain Snakemake prints at its end: what to read, and the commands to go on."""

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fidelity.study import paths


def verdicts(datasets: Iterable[str]) -> dict[str, str]:
    """Name the verdicts that are there: {data set: path}."""
    verdict = paths.table("verdict", "md")
    found = {name: verdict.format(dataset=name) for name in datasets}
    return {name: path for name, path in found.items() if Path(path).is_file()}


def show(places: Iterable[tuple[str, str | Path]]) -> None:
    """Print where results are: label and place of each file and of each folder with content."""
    found = [(label, Path(place)) for label, place in places]
    # A part of a study (TARGETS) may leave a folder empty.
    found = [(label, p) for label, p in found if p.is_file() or (p.is_dir() and any(p.iterdir()))]
    width = max((len(label) for label, _ in found), default=0)
    print("\nDone.")
    for label, place in found:
        print(f"  {label:<{width}}  {place.resolve()}{'/' if place.is_dir() else ''}")


def told(
    studies: Iterable[str], config_files: str, overrides: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """State where the verdicts are, and what makes the report.

    Args:
        config_files: names of the config files, joined by ", ".

    Returns:
        Lines for the terminal; nothing where no verdict is there (another target was made).
    """
    studies = list(studies)
    lines = [f"Verdict: {path}" for path in verdicts(studies).values()]
    pages = [paths.STUDY_PAGE.format(dataset=name) for name in studies]
    lines += [f"Open first: {path}" for path in pages if Path(path).is_file()]
    if not lines:
        return ""
    command = ["snakemake", "--report", paths.REPORT, *_study(config_files, overrides)]
    return "\n".join([*lines, f"One page with everything: {shlex.join(command)}"])


def unlocking(config_files: str, overrides: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Word the command that removes a killed run's lock; through `make` where that was used."""
    if "MAKELEVEL" in os.environ:
        return f"make unlock CONFIG={shlex.quote(config_files)}"
    return shlex.join(["snakemake", "--unlock", *_study(config_files, overrides)])


def _study(config_files: str, overrides: Mapping[str, Any]) -> list[str]:
    keys = [f"{key}={value}" for key, value in overrides.items()]
    return ["--configfile", *config_files.split(", "), *(["--config", *keys] if keys else [])]
