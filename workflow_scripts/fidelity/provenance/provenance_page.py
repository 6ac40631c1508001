"""Provenance as a page to read: the same facts as provenance.json, jobs added up by step."""

from collections.abc import Iterator, Mapping
from typing import Any

from fidelity.presentation.titles import classifier_title, dataset_title, explainer_title
from fidelity.presentation.wording import ABSENT, value_of
from fidelity.provenance.cost import cost_rows, cost_table
from fidelity.provenance.steps import totals
from fidelity.tables.layout import Table
from fidelity.tables.writers import to_html

STEP_HEADER = [
    "Step",
    "Classifier",
    "Explainer",
    "Device",
    "Jobs",
    "Seconds",
    "CPU-seconds",
    "Peak memory, MB",
    "Forward passes",
    "Backward passes",
]
STEP_NUMBERS = 6
SOURCES = ["code", "accepted", "inputs", "classifiers", "tables", "seeds"]


def to_page(provenance: Mapping[str, Any]) -> str:
    """Write a standalone HTML page.

    Args:
        provenance: as `build` gives it.

    Returns:
        The page; the JSON file beside it holds every job by itself.
    """
    tables = [
        _facts("Code and inputs", provenance, SOURCES),
        cost_table(cost_rows(provenance["steps"], provenance["dataset"])),
        _steps(provenance),
        _facts("Machine", provenance, ["hardware", "environment"]),
        _facts("Config", provenance["config"], list(provenance["config"])),
    ]
    return to_html("provenance", tables, dataset=dataset_title(provenance["dataset"]))


def _facts(title: str, content: Mapping[str, Any], keys: list[str]) -> Table:
    rows = [list(row) for key in keys for row in flat(content[key], key)]
    return Table(title, ["What", "Value"], rows, 0)


def flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Write nested values as (dotted path, text), in their order."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}")
    elif isinstance(value, list) and value and all(not isinstance(v, dict | list) for v in value):
        yield path, ", ".join(map(_shown, value))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from flat(item, f"{path}[{index}]")
    else:
        yield path, _shown(value)


def _steps(provenance: Mapping[str, Any]) -> Table:
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for step in provenance["steps"]:
        wildcards = step["wildcards"]
        key = (
            step["rule"],
            wildcards.get("classifier", ""),
            wildcards.get("explainer", ""),
            step["device"],
        )
        groups.setdefault(key, []).append(step)
    rows = [
        [rule, *(name or ABSENT for name in (classifier_title(c), explainer_title(e), device))]
        + _sums(group)
        for (rule, c, e, device), group in groups.items()
    ]
    rows.append(["all", ABSENT, ABSENT, ABSENT, *_sums(provenance["steps"])])
    whole = {len(rows) - 1: ""}
    return Table("Steps", STEP_HEADER, rows, STEP_NUMBERS, whole, list(provenance["notes"]))


def _sums(steps: list[Mapping[str, Any]]) -> list[str]:
    found = totals(steps)
    peak = found["peak_memory_mb"]
    return [
        str(found["jobs"]),
        value_of("seconds", found["seconds"]),
        value_of("seconds", found["cpu_seconds"]),
        ABSENT if peak is None else value_of("mb", peak),
        f"{found['forward']:,}",
        f"{found['backward']:,}",
    ]


def _shown(value: Any) -> str:
    if value is None or value in ([], {}):
        return ABSENT
    return str(value).lower() if isinstance(value, bool) else str(value)
