"""Find the remaining jobs with a dry run of Snakemake."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fidelity.base.errors import InputError

# Targets that only collect files, so they are not counted as jobs.
COLLECTING = {"all", "tables", "figures", "checks", "notebooks", "masks_png", "units", "reanalysis"}


def jobs_left(
    config: str, overrides: Sequence[str] = (), folder: str | Path = "."
) -> dict[str, int]:
    """Count the remaining jobs of each rule with a dry run, including those of a changed config.

    Returns:
        {rule: jobs}, in Snakemake's order. Behind a checkpoint that must still run, only the known
        jobs are counted.

    Raises:
        InputError: the dry run failed, or its plan cannot be read.
    """
    # Without locking, so that it works while the study runs.
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", "--quiet", "rules"]
    command += ["--configfile", config, *(["--config", *overrides] if overrides else [])]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if result.returncode:
        raise failed(result, config)
    return read_job_stats(result.stdout + result.stderr)


def failed(result: subprocess.CompletedProcess[str], config: str) -> InputError:
    """Create the error for a failed dry run, with Snakemake's message."""
    said = result.stdout + result.stderr
    # Errors of the config are on standard output, after much text about the machine.
    reason = said[max(said.rfind("WorkflowError"), len(said) - 2000, 0) :].strip()
    return InputError(f"the dry run failed:\n{reason}", file=config)


def read_job_stats(output: str) -> dict[str, int]:
    """Read the table "Job stats" of a dry run: {rule: jobs}, empty if there is nothing to do.

    Raises:
        InputError: there is neither such a table nor the message "Nothing to be done".
    """
    found = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)^total", output, re.M | re.S)
    if found is None:
        if "Nothing to be done" in output:
            return {}
        raise InputError(f"the plan of the dry run cannot be read:\n{output[-500:]}")
    rows = [line.split() for line in found[1].splitlines() if line.strip()]
    return {rule: int(count) for rule, count in rows if rule not in COLLECTING}
