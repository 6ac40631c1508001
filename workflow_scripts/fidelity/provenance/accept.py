"""`make accept`: mark finished results as valid for the present code, although it has changed.

Uses Snakemake's API and three of its internals: the plan (`dag`), the records (`persistence`), and
the Snakefile's variables (`globals`).
"""

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.exceptions import WorkflowError
from snakemake.settings.enums import Quietness, RerunTrigger
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    OutputSettings,
    ResourceSettings,
)

from fidelity.base.errors import InputError
from fidelity.base.files import write_text
from fidelity.provenance import result_origins
from fidelity.provenance.provenance_page import to_page
from fidelity.provenance.records import Records, write_listings
from fidelity.study import paths

# A checkpoint hides the jobs that follow it, and each pass accepts what it sees. The workflow has
# two checkpoints.
PASSES = 6
SHOWN = 3


@dataclass(frozen=True)
class Accepted:
    """A result accepted for the present code: rule, path, and digest of its own code."""

    rule: str
    path: str
    computed_by: str


def accept(
    snakefile: Path, config: str, overrides: Mapping[str, Any], targets: Sequence[str] = ()
) -> list[Accepted]:
    """Mark results as valid if only their code has changed since they were computed.

    Args:
        targets: rules or files; those of a whole run by default.

    Returns:
        What was accepted; empty if the present code computed all results.

    Raises:
        InputError: a result is missing, has no record, or was computed with other settings or
            inputs. Then nothing is accepted.
    """
    records = Records()
    before: dict[str, dict[str, Any]] = {}
    found: dict[str, Accepted] = {}
    try:
        for _ in range(PASSES):
            with _plan(snakefile, config, overrides, targets) as workflow:
                changed = _changed(workflow, records)
                names = workflow.globals
                if not changed:
                    _check_nothing_left(workflow)
                    break
            for path, (rule, old, new) in changed.items():
                before[path] = records.read(path)
                records.write(path, {**before[path], "params": new})
                found[path] = Accepted(
                    rule, path, result_origins.digest(result_origins.split(old)[1])
                )
    except BaseException:
        for path, record in before.items():
            records.write(path, record)
        raise
    if found:
        raw, places = names["RAW_FOLDERS"], names["PLACES"]
        write_listings(raw, places, {path: item.computed_by for path, item in found.items()})
        for dataset in raw:
            _note_in_provenance(dataset, records)
        write_listings(raw, places)
    return list(found.values())


@contextlib.contextmanager
def _plan(
    snakefile: Path, config: str, overrides: Mapping[str, Any], targets: Sequence[str]
) -> Iterator[Any]:
    """Plan a run without output, and yield Snakemake's workflow."""
    triggers = frozenset(RerunTrigger.all()) - {RerunTrigger.CODE}
    said = io.StringIO()
    quiet = OutputSettings(dryrun=True, quiet={Quietness.ALL}, enable_file_logging=False)
    try:
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            SnakemakeApi(quiet) as api,
        ):
            planned = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(configfiles=[Path(config)], config=dict(overrides)),
                snakefile=snakefile,
            )
            plan = planned.dag(DAGSettings(targets=frozenset(targets), rerun_triggers=triggers))
            # Not a dry run, because afterwards all jobs would count as done.
            plan.printrulegraph()
            yield planned._workflow
    except WorkflowError as error:
        raise InputError(f"Snakemake cannot plan the run: {error}", file=config) from error


def _changed(workflow: Any, records: Records) -> dict[str, tuple[str, list[str], list[str]]]:
    """Find results of other code: {path: (rule, params then, params now)}."""
    store, found, problems = workflow.persistence, {}, []
    for job in workflow.dag.jobs:
        for path in map(str, job.output):
            if not os.path.exists(path):
                problems.append(f"{path} is missing")
                continue
            record = records.read(path)
            if record.get("params") is None or record.get("rule") is None:
                problems.append(f"no record shows how {path} was made")
                continue
            old, new = record["params"], store._params(job)
            if set(old) == set(new):
                continue
            if result_origins.split(old)[0] != result_origins.split(new)[0]:
                problems.append(f"{path} was made with other settings or files")
            else:
                found[path] = (job.rule.name, old, new)
    _refuse(problems)
    return found


def _check_nothing_left(workflow: Any) -> None:
    """Raise InputError if more than the code has changed: newer inputs, or other inputs."""
    reason = workflow.dag.reason
    left = [job for job in workflow.dag.needrun_jobs() if job.output]
    # Jobs that are due for their own reasons, not because of other jobs.
    own = [job for job in left if not reason(job).updated_input_run] or left
    reasons = [f"{job.output[0]} ({reason(job)})" for job in own]
    _refuse([f"{text[:300]} must be recomputed" for text in reasons])


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f", and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise InputError(
            f"nothing was accepted: {'; '.join(problems[:SHOWN])}{more}",
            remedy="Only results of other code can be accepted. Run the study with make run, or"
            " accept a part of it: TARGETS=<finished files>",
        )


def _note_in_provenance(dataset: str, records: Records) -> None:
    """Write what was accepted into a data set's provenance.json and its page, if they exist."""
    path = Path(paths.PROVENANCE.format(dataset=dataset))
    if not path.is_file():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    found["accepted"] = result_origins.accepted_in(
        result_origins.read(result_origins.listing_of(dataset))
    )
    write_text(path, json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(path.with_suffix(".html"), to_page(found))
    for written in (path, path.with_suffix(".html")):
        record = records.read(str(written))
        if record:
            records.write(str(written), {**record, "endtime": result_origins.made_at(written)})
