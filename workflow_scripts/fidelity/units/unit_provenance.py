"""Provenance of a unit (commit, packages, machine, dates) and the cost of each of its jobs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Any

import pandas as pd

from fidelity.analysis.columns.costs import MEASURED
from fidelity.analysis.columns.described_table import names_of
from fidelity.base.files import read_csv, write_csv
from fidelity.provenance.machine import code_version, environment, hardware
from fidelity.provenance.steps import read_steps
from fidelity.study.paths import CLASSIFIER, MAPS, NONE, PREPARED, below_results
from fidelity.units.unit import COST

_MEASURED = names_of(MEASURED)
# Wildcards of a step that name its unit: a training, or a classifier with several trainings.
OWNER = ("classifier", "base")


def origin_of(dataset: str, name: str, results: Path, paths: Iterable[str]) -> dict[str, Any]:
    """Collect the origin of a unit.

    Returns:
        `code`, `environment` and `hardware` describe the machine that packed the unit. `made` holds
        the times (UTC) of its first and last result. `bytes` is the disk space of its maps and its
        weights, and for the unit `none` that of the prepared images.
    """
    times = [(results / path).stat().st_mtime for path in paths]
    return {
        "code": code_version(),
        "environment": environment(),
        "hardware": hardware(),
        "made": {
            "first": _as_text(min(times, default=None)),
            "last": _as_text(max(times, default=None)),
        },
        "bytes": {
            "maps": _size(results, MAPS, dataset, name),
            "weights": _size(results, CLASSIFIER + "/**/*.safetensors", dataset, name),
            "prepared": _size(results, PREPARED, dataset, name) if name == NONE else 0,
        },
    }


def write_cost(
    folder: Path,
    name: str,
    patterns: Mapping[str, str],
    wanted: Mapping[str, Sequence[str]],
    project: Path,
) -> None:
    """Write the cost of each job of a unit, from Snakemake's benchmarks, to `cost.csv`.

    Jobs without a benchmark have no row (it was deleted, or the results were copied without it).

    Args:
        name: name of the unit; jobs without a classifier belong to `none`.
        patterns: see `steps.read_steps`, also for `wanted`.
    """
    rows = []
    for step in read_steps(patterns, wanted, project):
        names = dict(step["wildcards"])
        owners = [names.pop(key) for key in OWNER if key in names]
        names.pop("dataset", None)
        if (owners or [NONE]) == [name]:
            rows.append({"rule": step["rule"], **names, **{key: step[key] for key in _MEASURED}})
    columns = dict.fromkeys(key for row in rows for key in row if key not in _MEASURED)
    write_csv(pd.DataFrame(rows, columns=[*(columns or ["rule"]), *_MEASURED]), folder / COST)


def read_cost(folder: Path, dataset: str, name: str) -> list[dict[str, Any]]:
    """Read `cost.csv` in the format of `provenance.cost.cost_rows`; empty if there is no file.

    Raises:
        InputError: the file is damaged.
    """
    if not (folder / COST).is_file():
        return []
    table = read_csv(folder / COST, ["rule", *_MEASURED], dtype={"shard": str})
    steps = []
    for row in table.astype(object).where(table.notna(), None).to_dict("records"):
        rule = row.pop("rule")
        measured = {key: row.pop(key) for key in _MEASURED}
        names = {key: value for key, value in row.items() if value is not None}
        names |= {"dataset": dataset, "classifier": name}
        steps.append({"rule": rule, "wildcards": names, **measured})
    return steps


def _as_text(time: float | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")


def _size(results: Path, pattern: str, dataset: str, classifier: str) -> int:
    names = {"dataset": escape(dataset), "classifier": escape(classifier)}
    found = below_results(pattern).format(**names, explainer="*", shard="*")
    return sum(path.stat().st_size for path in results.glob(found))
