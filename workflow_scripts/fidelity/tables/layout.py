"""A table laid out as text, and the words and numbers that all tables share.

No value is set in bold: a "best" would need a test behind it, and those stand in comparisons.csv.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fidelity.analysis.localization import NO_CLASSIFIER, sees_reference
from fidelity.metrics.registry import METRICS

FAMILIES = {"cam": "CAM", "baseline": "null baseline"}
NOT_EXPLAINING = {"baseline": 1, "ceiling": 2}
ABSENT = "–"
SMALL_P = 0.001


@dataclass(frozen=True)
class Table:
    """A laid-out table.

    Attributes:
        title: one line.
        header: column titles.
        rows: cells as text, unescaped.
        numeric: number of columns, from the right, that are right-aligned.
        rules_before: indices of rows before which a thin line is drawn.
        notes: sentences under the table.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    numeric: int
    rules_before: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)


def family_title(explainer: str, families: Mapping[str, str]) -> str:
    """Name the kind of an explainer as tables show it; "–" if it is unknown."""
    family = families.get(explainer, ABSENT)
    return FAMILIES.get(family, family)


def by_family(explainers: Sequence[str], families: Mapping[str, str]) -> list[str]:
    """Order explainers: those that explain, null baselines, ceilings; else as they come."""
    return sorted(explainers, key=lambda name: NOT_EXPLAINING.get(families.get(name, ""), 0))


def classifier_title(classifier: str) -> str:
    """Name a classifier as tables show it: "–" for explainers that have none."""
    return ABSENT if classifier == NO_CLASSIFIER else classifier


def metric_title(metric: str) -> str:
    """Name a metric with its unit and direction, and say if it saw the reference."""
    if metric not in METRICS:
        return metric
    known = METRICS[metric]
    unit = ", px" if known.unit == "px" else ""  # other units stand in the title
    mark = ", diagnostic" if sees_reference(metric) else ""
    arrow = {"higher": " ↑", "lower": " ↓"}.get(known.direction, "")
    return f"{known.title}{unit}{mark}{arrow}"


def digits_of(unit: str) -> int:
    """Give the decimals of a value in this unit."""
    return 1 if unit in ("px", "mm") else 3


def number(value: float, digits: int = 3) -> str:
    """Write a number with a true minus sign, zero without one; "–" if it is missing."""
    if np.isnan(value):
        return ABSENT
    return f"{value:z.{digits}f}".replace("-", "−").replace("inf", "∞")


def with_interval(value: float, low: float, high: float, digits: int) -> str:
    """Write a value with its interval, if it has one."""
    text = number(value, digits)
    if np.isnan(value) or np.isnan(low):
        return text
    return f"{text} [{number(low, digits)}, {number(high, digits)}]"


def p_text(value: float) -> str:
    """Write a p value."""
    return "<0.001" if value < SMALL_P else number(value)


def unit_note(unit: str) -> str:
    """Say what the unit of analysis is, and why it is not the patient."""
    if unit == "patient":
        return "Unit of analysis: patient."
    return (
        "Unit of analysis: image (no patient has two, the data set does not know its patients, or "
        "statistics.cluster is `case`)."
    )
