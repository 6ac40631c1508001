"""Describe the next steps at the end of a Snakemake run: what to read, and which commands."""

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fidelity.study import paths


def verdicts(datasets: Iterable[str]) -> dict[str, str]:
    """Return the existing verdicts: {data set: path}."""
    verdict = paths.table("verdict", "md")
    found = {name: verdict.format(dataset=name) for name in datasets}
    return {name: path for name, path in found.items() if Path(path).is_file()}


def show(places: Iterable[tuple[str, str | Path]]) -> None:
    """Print the places of results: label and path of each existing file and non-empty folder."""
    found = [(label, Path(place)) for label, place in places]
    # If only part of a study was requested (TARGETS), a folder may be empty.
    found = [(label, p) for label, p in found if p.is_file() or (p.is_dir() and any(p.iterdir()))]
    width = max((len(label) for label, _ in found), default=0)
    print("\nDone.")
    for label, place in found:
        print(f"  {label:<{width}}  {place.resolve()}{'/' if place.is_dir() else ''}")


def told(
    studies: Iterable[str], config_files: str, overrides: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """State the paths of the verdicts and the command for the report.

    Args:
        config_files: names of the config files, joined by ", ".

    Returns:
        Lines for the terminal; empty if there is no verdict (after another target).
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
    """Return the command that removes a killed run's lock; a `make` command if `make` was used."""
    if "MAKELEVEL" in os.environ:
        return f"make unlock CONFIG={shlex.quote(config_files)}"
    return shlex.join(["snakemake", "--unlock", *_study(config_files, overrides)])


def _study(config_files: str, overrides: Mapping[str, Any]) -> list[str]:
    keys = [f"{key}={value}" for key, value in overrides.items()]
    return ["--configfile", *config_files.split(", "), *(["--config", *keys] if keys else [])]
