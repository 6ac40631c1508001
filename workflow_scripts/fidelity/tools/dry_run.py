"""What Snakemake still has to do, by asking it for a plan."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fidelity.base.errors import InputError

# Targets that only collect, which are no work.
COLLECTING = {"all", "tables", "figures", "checks", "notebooks", "masks_png", "units", "reanalysis"}


def jobs_left(
    config: str, overrides: Sequence[str] = (), folder: str | Path = "."
) -> dict[str, int]:
    """Ask a dry run how many jobs of each rule are left, those that a changed config needs too.

    Returns:
        {rule: jobs}, in Snakemake's order; behind a checkpoint that is due the count is of what
        can be seen.

    Raises:
        InputError: the dry run failed, or its plan cannot be read.
    """
    # Without locking, so that it can be asked while the study runs.
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", "--quiet", "rules"]
    command += ["--configfile", config, *(["--config", *overrides] if overrides else [])]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if result.returncode:
        raise failed(result, config)
    return read_job_stats(result.stdout + result.stderr)


def failed(result: subprocess.CompletedProcess[str], config: str) -> InputError:
    """Make the error of a dry run that failed, with what Snakemake said."""
    said = result.stdout + result.stderr
    # Errors of the config are on the standard output, behind much about the machine.
    reason = said[max(said.rfind("WorkflowError"), len(said) - 2000, 0) :].strip()
    return InputError(f"the dry run failed:\n{reason}", file=config)


def read_job_stats(output: str) -> dict[str, int]:
    """Read the table "Job stats" of a dry run.

    Returns:
        {rule: jobs}, empty where there is nothing to do.

    Raises:
        InputError: there is no such table, and no word that nothing is to be done.
    """
    found = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)^total", output, re.M | re.S)
    if found is None:
        if "Nothing to be done" in output:
            return {}
        raise InputError(f"the plan of the dry run cannot be read:\n{output[-500:]}")
    rows = [line.split() for line in found[1].splitlines() if line.strip()]
    return {rule: int(count) for rule, count in rows if rule not in COLLECTING}
