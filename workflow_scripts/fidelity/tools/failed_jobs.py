"""Repeat the failures of a Snakemake run at its end, where the user looks."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fidelity.base.errors import INTERRUPTED

_RULE = re.compile(r"^Error in (?:rule|group job|checkpoint) (?P<rule>[\w-]+):")
_LOG = re.compile(r"^\s+log: (?P<log>.+?)(?: \(check log file\(s\) for error details\))?$")
# Set by a cluster's plugin; None for jobs on this machine.
_MESSAGE = re.compile(r"^\s+message: (?!None$)(?P<message>.+?)(?:For further error details .*)?$")
REFUSED = "Job submission failed"
# A line in the format of `fidelity.base.job_log`.
_ERROR = re.compile(r"^\d\d:\d\d:\d\d (?:ERROR|CRITICAL) (?P<text>.*)$")
# A job that ends by itself, by Ctrl-C or by SIGTERM logs the reason. SIGKILL leaves no time for
# that.
_LINE = re.compile(r"^\d\d:\d\d:\d\d [A-Z]+ ")
KILLED = (
    "the job was killed before it could write a reason, most often because memory ran out. "
    "Lower compute.batch, run fewer jobs at a time (--cores, or CORES= of make), or request "
    "more memory for the job (mem_mb, docs/cluster.md)"
)
NO_REASON = f"no reason in its log. Perhaps a disk or quota was full, or {KILLED}"
# A full disk also prevents the log entry.
NO_SPACE = "nothing in its log: no space left on device. Make room on the disk (or in the quota)"


@dataclass(frozen=True)
class Failure:
    """A failed job: its rule, its log file, and the reason."""

    rule: str
    log: str
    reason: str


def failures_of(snakemake_logs: Iterable[str | Path]) -> list[Failure]:
    """List the failed jobs of a run, each once, in the order of their failures.

    Args:
        snakemake_logs: log files of the run, as passed to `onerror`.
    """
    found: dict[str, Failure] = {}
    for rule, log, message in _failed("\n".join(map(_text_of, snakemake_logs))):
        # For a retried job, the log shows the last attempt.
        text = _text_of(log)
        full = not text and _is_full(Path(log).parent)
        reason = NO_SPACE if full else _reason(text)
        # A job that was never submitted wrote nothing; its log is from an earlier run.
        if message.startswith(REFUSED):
            reason = message
        elif message and reason in (KILLED, NO_REASON):
            reason = f"{message} {reason}"
        found[log] = Failure(rule, log, reason)
    return list(found.values())


def told(failures: list[Failure], config: str) -> str:
    """Describe the failures and what to do next.

    Returns:
        Several lines without a newline at the end; empty without failures. Interrupted jobs
        (Ctrl-C) are not listed, because there is nothing to fix.
    """
    if not failures:
        return ""
    failures = [failure for failure in failures if failure.reason != INTERRUPTED]
    if not failures:
        return "The run was interrupted. Rerun the same command: finished results are kept."
    lines = [f"{len(failures)} failed job{'s' * (len(failures) > 1)}, config {config}:"]
    for failure in failures:
        lines += [f"  {failure.rule}: {failure.reason}", f"    log: {failure.log}"]
    lines.append("Fix these problems and rerun the same command. Finished results are kept.")
    return "\n".join(lines)


def _text_of(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _is_full(folder: Path) -> bool:
    """Check whether a folder's disk has no free block."""
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


def _failed(text: str) -> Iterator[tuple[str, str, str]]:
    rule = message = ""
    for line in text.splitlines():
        if head := _RULE.match(line):
            rule, message = head["rule"], ""
        elif rule and (said := _MESSAGE.match(line)):
            message = said["message"].strip()
        elif rule and (log := _LOG.match(line)):
            yield rule, log["log"].split(", ")[0], message
            rule = ""


def _reason(text: str) -> str:
    """Return the last error of a job's log; for a traceback, the line with the exception."""
    lines = text.rstrip().splitlines()
    for place in range(len(lines) - 1, -1, -1):
        if error := _ERROR.match(lines[place]):
            trace = [line for line in lines[place + 1 :] if line and not line.startswith(" ")]
            return trace[-1] if trace else error["text"]
    if not lines:
        return NO_REASON
    return KILLED if any(map(_LINE.match, lines)) else lines[-1]
