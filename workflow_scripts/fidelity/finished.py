"""What is said when a run of plain Snakemake has ended well: what to read, and how to go on."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any


def verdicts(datasets: Iterable[str]) -> dict[str, str]:
    """Name the verdicts that are there: {data set: path}."""
    paths = {name: f"results/{name}/tables/verdict.md" for name in datasets}
    return {name: path for name, path in paths.items() if Path(path).is_file()}


def told(
    studies: Iterable[str], config_files: str, overrides: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """Say where the verdicts are, and what makes the report.

    Args:
        studies: data sets that are scored.
        config_files: names of the config files, joined by ", ".
        overrides: keys that the command line gave with --config.

    Returns:
        Lines for the terminal; nothing where no verdict is there (another target was made).
    """
    lines = [f"Read first: {path}" for path in verdicts(studies).values()]
    if not lines:
        return ""
    command = ["snakemake", "--report", "results/report.html"]
    command += ["--configfile", *config_files.split(", ")]
    if overrides:
        command += ["--config", *(f"{key}={value}" for key, value in overrides.items())]
    return "\n".join([*lines, f"One page with everything: {shlex.join(command)}"])
