"""Read the jobs of a study from Snakemake's own plan, with all inputs of their scripts."""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fidelity.tools.dry_run import COLLECTING, failed


@dataclass(frozen=True)
class Job:
    """A job of the plan.

    Attributes:
        priority: priority of the rule; higher ones start first.
        inputs: input files; those behind a checkpoint that must still run are missing.
        script: path of the script or notebook; "" for a rule without one.
        given: Snakemake's object for the script, pickled.
        benchmark: path of the benchmark file; "" for a rule without one.
        local: whether, on a cluster, the job runs on Snakemake's own machine.
    """

    rule: str
    wildcards: dict[str, str]
    threads: int = 1
    priority: int = 0
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    script: str = ""
    given: bytes = field(default=b"", repr=False)
    benchmark: str = ""
    local: bool = False

    def snakemake(self) -> Any:
        """Unpack a fresh copy of the script's `snakemake` object."""
        return pickle.loads(self.given)  # noqa: S301 - written by `planned` a moment ago


def planned(
    config: str,
    overrides: Sequence[str] = (),
    targets: Sequence[str] = (),
    cores: int = 2,
    *,
    whole: bool = True,
) -> list[Job]:
    """Get the jobs of a study from Snakemake, without running any.

    Args:
        targets: rules or files; empty for the whole study.
        whole: True for all jobs, as if there were no results; False for the remaining jobs.

    Returns:
        The jobs in a possible order of execution. Rules that only collect files are left out.

    Raises:
        InputError: Snakemake could not plan the study.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "jobs.pickle"
        request = (config, list(overrides), list(targets), cores, whole)
        # In a separate process, so that Snakemake's logging and settings do not affect this one.
        program = (
            f"from fidelity.tools.estimate.plan import write; write({str(output)!r}, {request!r})"
        )
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        if not output.exists():
            raise failed(result, config)
        return pickle.loads(output.read_bytes())  # noqa: S301


def write(output: str, request: tuple[str, list[str], list[str], int, bool]) -> None:
    """Plan in this process, which can use Snakemake only once, and write the jobs."""
    from snakemake.api import SnakemakeApi
    from snakemake.cli import parse_config
    from snakemake.settings import types
    from snakemake.settings.enums import Quietness

    config, overrides, targets, cores, whole = request
    triggers = {"mtime", "params", "input", "software-env"}  # as in profiles/default
    chosen = frozenset(types.RerunTrigger.parse_choice(name) for name in triggers)
    with SnakemakeApi(types.OutputSettings(quiet={Quietness.ALL}, dryrun=True)) as api:
        workflow = api.workflow(
            resource_settings=types.ResourceSettings(cores=cores),
            config_settings=types.ConfigSettings(
                config=parse_config(overrides), configfiles=[Path(config)]
            ),
        )
        dag = workflow.dag(
            types.DAGSettings(targets=set(targets), forceall=whole, rerun_triggers=chosen)
        )
        dag.execute_workflow(
            executor="dryrun",
            execution_settings=types.ExecutionSettings(lock=False),
            scheduling_settings=types.SchedulingSettings(scheduler="greedy"),
        )
        made = workflow._workflow.dag  # noqa: SLF001 - no public function returns the jobs
        jobs = [_job(job) for level in made.toposorted() for job in level if made.needrun(job)]
    kept = [job for job in jobs if job.rule not in COLLECTING]
    Path(output).write_bytes(pickle.dumps(kept))


def _job(job: Any) -> Job:
    from snakemake.script import Snakemake

    rule, given = job.rule, b""
    script = rule.script or rule.notebook or ""
    path = str((Path(str(rule.basedir)) / script).resolve()) if script else ""
    if path:
        parts = (job.input, job.output, job.params, job.wildcards, job.threads, job.resources)
        folder = str(Path(path).parent)
        given = pickle.dumps(Snakemake(*parts, job.log, {}, rule.name, None, folder))
    return Job(
        rule.name,
        dict(job.wildcards_dict),
        job.threads,
        job.priority,
        tuple(map(str, job.input)),
        tuple(map(str, job.output)),
        path,
        given,
        str(job.benchmark or ""),
        # Not Snakemake's own `is_local`, which is true for every job in a dry run.
        rule.name in rule.workflow._localrules or rule.norun,  # noqa: SLF001
    )
