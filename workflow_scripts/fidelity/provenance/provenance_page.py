"""Provenance as a page: the same facts as provenance.json, with jobs summed by step."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fidelity.presentation.page import render
from fidelity.presentation.titles import (
    classifier_title,
    dataset_title,
    explainer_title,
    protocol_title,
)
from fidelity.presentation.wording import ABSENT, value_of
from fidelity.provenance import words
from fidelity.provenance.cost import cost_rows, cost_table
from fidelity.provenance.steps import totals
from fidelity.tables.layout import Table

STEP_HEADER = [
    "Step",
    "Classifier",
    "Method",
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
    """Write a standalone HTML page; the JSON file next to it lists every job separately."""
    facts = {**provenance, "inputs": words.with_kind(provenance["inputs"])}
    tables = [
        _facts("Code, data and classifiers", facts, SOURCES),
        cost_table(cost_rows(provenance["steps"], provenance["dataset"])),
        _steps(provenance),
        _facts("Machine", provenance, ["hardware", "environment"]),
        _config(provenance["config"]),
    ]
    title = dataset_title(provenance["dataset"])
    return render("provenance.html.j2", tables=tables, dataset=title)


def _facts(title: str, content: Mapping[str, Any], keys: list[str]) -> Table:
    parts = [(words.PARTS[key], key, content[key]) for key in keys]
    return _keys_and_values(title, parts, lambda path, _: words.fact(path))


def _config(config: Mapping[str, Any]) -> Table:
    """Lay out the settings: those without a section first, then each section and each entry."""
    single = [
        ("", key, list(map(_protocol, value)) if key == "protocols" else value)
        for key, value in config.items()
        if not isinstance(value, dict)
    ]
    sections = []
    for section, content in config.items():
        if section in words.ENTRIES:
            kind, title_of = words.ENTRIES[section]
            sections += [
                (f"{kind} “{title_of(key)}”", f"{section}.{key}", entry)
                for key, entry in content.items()
            ]
        elif isinstance(content, dict):
            sections.append((words.setting(section), section, content))
    return _keys_and_values(
        "Config",
        [*single, *sections],
        lambda path, start: words.setting(path.removeprefix(f"{start}.")),
    )


def _protocol(name: str) -> str:
    """Name a protocol by its key; with its title, if that is another word."""
    title = protocol_title(name)
    return name if title.casefold() == name else f"{name} ({title})"


def _keys_and_values(
    title: str,
    parts: Iterable[tuple[str, str, Any]],
    what: Callable[[str, str], str],
) -> Table:
    """Lay out nested values with their keys.

    Args:
        parts: heading ("": none), key and value of each part.
        what: function of a dotted path and the key of its part → the path in words.
    """
    rows: list[list[str]] = []
    headings = {}
    for heading, start, value in parts:
        if heading:
            headings[len(rows)] = heading
        rows += [[what(path, start), path, text] for path, text in flat(value, start)]
    return Table(title, ["What", "Key", "Value"], rows, 0, headings)


def flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield nested values as (dotted path, text), in their order."""
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
    rows = []
    # In the order of a run; rules without words come last.
    place = {rule: number for number, rule in enumerate(words.STEPS)}
    ordered = sorted(groups.items(), key=lambda item: place.get(item[0][0], len(place)))
    for (rule, c, e, device), group in ordered:
        names = classifier_title(c), explainer_title(e), device
        cells = [words.STEPS.get(rule, rule), *(name or ABSENT for name in names)]
        rows.append(cells + _sums(group))
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
    if value in ([], {}):
        return "none"
    if value is None:
        return ABSENT
    return str(value).lower() if isinstance(value, bool) else str(value)
