"""The cost of each step: time and memory from Snakemake's benchmarks, passes from job counts."""

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fidelity.base.counting import beside
from fidelity.base.errors import InputError
from fidelity.study import paths

SUMMED = ("seconds", "cpu_seconds", "forward", "backward")


def read_steps(
    patterns: Mapping[str, str], wanted: Mapping[str, Sequence[str]], folder: Path
) -> list[dict[str, Any]]:
    """Read the time, memory and passes of all jobs of a data set.

    Files from jobs of an earlier config match no pattern and are skipped.

    Args:
        patterns: rule → regular expression of its benchmark files, wildcards as named groups.
        wanted: wildcard → the values that belong to the data set; other wildcards are free.
        folder: the one that contains `results`.

    Returns:
        One entry per job, by rule and wildcards: rule, wildcards, seconds (wall clock), cpu_seconds
        and peak_memory_mb (sampled by Snakemake; None if a job was too short for that), forward
        and backward (images through networks, in the job's last run), device ("" for none).
    """
    steps = []
    files = sorted((folder / paths.BENCHMARKS).rglob("*.tsv"))
    for rule, pattern in sorted(patterns.items()):
        compiled = re.compile(pattern)
        for file in files:
            match = compiled.fullmatch(file.relative_to(folder).as_posix())
            if match is None:
                continue
            wildcards = {key: value for key, value in sorted(match.groupdict().items())}
            if all(value in wanted.get(key, [value]) for key, value in wildcards.items()):
                steps.append({"rule": rule, "wildcards": wildcards, **_account(file, folder)})
    return sorted(steps, key=lambda step: (step["rule"], list(step["wildcards"].items())))


def totals(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum steps: jobs, seconds, cpu_seconds, forward, backward; the highest peak_memory_mb."""
    found: dict[str, Any] = {"jobs": len(steps)}
    for key in SUMMED:
        found[key] = round(sum(step[key] or 0 for step in steps), 2)
    peaks = [step["peak_memory_mb"] for step in steps if step["peak_memory_mb"] is not None]
    found["peak_memory_mb"] = max(peaks, default=None)
    return found


def benchmark_row(file: Path) -> dict[str, str] | None:
    """Read Snakemake's measurements of a job's last repeat; None if the file has none."""
    with file.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    return rows[-1] if rows and "s" in rows[-1] else None


def benchmark_seconds(file: Path) -> float | None:
    """Read the wall-clock seconds of a job; None if they are not written (yet)."""
    try:
        row = benchmark_row(file)
    except OSError:
        return None
    return None if row is None else _number(row["s"])


def _account(file: Path, folder: Path) -> dict[str, Any]:
    row = benchmark_row(file)
    if row is None:
        raise InputError(
            "is not a benchmark of Snakemake", file=file, remedy="Delete it and run its job again"
        )
    job = file.relative_to(folder / paths.BENCHMARKS).with_suffix("").as_posix()
    passes = beside(folder / paths.log_of(job))
    counts = json.loads(passes.read_text(encoding="utf-8")) if passes.is_file() else {}
    return {
        "seconds": _number(row["s"]),
        "cpu_seconds": _number(row.get("cpu_time")),
        "peak_memory_mb": _number(row.get("max_rss")),
        "forward": counts.get("forward", 0),
        "backward": counts.get("backward", 0),
        "device": counts.get("device", ""),
        # For reused results (`fidelity.base.kept_results`), the cost of their original computation.
        **counts.get("took", {}),
    }


def _number(text: str | None) -> float | None:
    """Read a number; Snakemake writes NA or - for what it could not measure."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
