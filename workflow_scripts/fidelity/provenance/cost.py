"""The cost of each explainer: CPU-hours of its own jobs, from Snakemake's benchmarks.

Steps that explainers share (preparing images, training the classifier, tables) are in no
explainer's row.
"""

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from fidelity.analysis.columns.costs import COST
from fidelity.presentation.titles import classifier_title, explainer_title
from fidelity.presentation.wording import ABSENT, value_of
from fidelity.provenance.steps import totals
from fidelity.tables.layout import Table, lay_out

# The rules that compute maps; each explainer belongs to one of them.
MAPPING = ("explain", "explain_on_cpu", "explain_without_network")
# Rules that run the network on existing maps, or compute more maps.
CHECKING = ("faithfulness", "sensitivity", "sanity")
# Fitting (some methods), computing maps, scoring them, and checking them.
STEPS = ("fit", *MAPPING, "sweep", "rank", "tune", "binarize", "score", *CHECKING)
ALL = "all"


def cost_rows(steps: Iterable[Mapping[str, Any]], dataset: str) -> list[dict[str, Any]]:
    """Sum the cost of each explainer.

    Returns:
        Per classifier and explainer one row per step and one for `all`, by name. Hours are rounded
        to a millionth; memory is the highest of any job in MB (None: never sampled).
    """
    groups: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    for step in steps:
        names = step["wildcards"]
        if step["rule"] in STEPS and "explainer" in names:
            # Fitted methods have no classifier: their rule has no such wildcard.
            key = (names.get("classifier", "none"), names["explainer"])
            groups.setdefault(key, {}).setdefault(step["rule"], []).append(_sampled(step))
    rows = []
    for (classifier, explainer), by_step in sorted(groups.items()):
        chosen = [(name, by_step[name]) for name in STEPS if name in by_step]
        chosen.append((ALL, [step for _, part in chosen for step in part]))
        for name, part in chosen:
            found = totals(part)
            rows.append(
                {
                    "dataset": dataset,
                    "classifier": classifier,
                    "explainer": explainer,
                    "step": name,
                    "jobs": found["jobs"],
                    "wall_hours": round(found["seconds"] / 3600, 6),
                    "cpu_hours": round(found["cpu_seconds"] / 3600, 6),
                    **{key: found[key] for key in ("peak_memory_mb", "forward", "backward")},
                }
            )
    return rows


def cost_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows as CSV; an empty cell means that a value was not measured."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COST.names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def cost_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out the totals, the most expensive explainer first."""
    whole = sorted(
        (row for row in rows if row["step"] == ALL),
        key=lambda row: (-row["cpu_hours"], row["classifier"], row["explainer"]),
    )
    maps, checks = _hours_of(rows, MAPPING), _hours_of(rows, CHECKING)
    cells = [
        [
            explainer_title(row["explainer"]),
            classifier_title(row["classifier"]),
            str(row["jobs"]),
            value_of("hours", row["cpu_hours"]),
            value_of("hours", maps.get((row["classifier"], row["explainer"]), 0)),
            value_of("hours", checks.get((row["classifier"], row["explainer"]), 0)),
            value_of("hours", row["wall_hours"]),
            ABSENT if row["peak_memory_mb"] is None else value_of("mb", row["peak_memory_mb"]),
        ]
        for row in whole
    ]
    header = ["Method", "Classifier", "Jobs", "CPU-hours: total", "CPU-hours: making maps"]
    header += ["CPU-hours: faithfulness and sanity checks", "Wall-clock hours", "Peak memory, MB"]
    return lay_out("cost", header, cells, 6)


def _hours_of(
    rows: Iterable[Mapping[str, Any]], steps: Collection[str]
) -> dict[tuple[str, str], float]:
    """Sum the CPU-hours of some steps per classifier and explainer."""
    found: dict[tuple[str, str], float] = {}
    for row in rows:
        if row["step"] in steps:
            key = (row["classifier"], row["explainer"])
            found[key] = found.get(key, 0.0) + row["cpu_hours"]
    return found


def _sampled(step: Mapping[str, Any]) -> dict[str, Any]:
    return {**step, "cpu_seconds": step["cpu_seconds"] or step["seconds"]}
