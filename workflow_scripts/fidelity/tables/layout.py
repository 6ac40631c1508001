"""A table laid out as text, and the reading and escaping that all tables share.

No value is set in bold: a "best" would need a test behind it, and those stand in comparisons.csv.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from fidelity.analysis.localization import LOCALIZATION, NO_CLASSIFIER, sees_reference
from fidelity.base.errors import InputError
from fidelity.base.files import AGAIN, read_csv
from fidelity.explainers.registry import FAMILY_ORDER, explains
from fidelity.metrics.registry import METRICS

# From its first count on, the contract's columns are numbers.
LOCALIZATION_NUMBERS = LOCALIZATION[LOCALIZATION.index("n") :]
CLASSIFICATION_NUMBERS = ["value", "ci_low", "ci_high", "chance", "n", "n_patients"]
COMPARISON_NUMBERS = [
    "n",
    "n_patients",
    "mean_difference",
    "ci_low",
    "ci_high",
    "effect_size",
    "p_value",
    "p_adjusted",
    "p_permutation",
    "p_permutation_adjusted",
]
SEED_NUMBERS = ["n_seeds", "mean", "std_between_seeds", "min", "max", "mean_ci_half_width"]
LUNG_NUMBERS = ["n", "n_patients", "mean", "ci_low", "ci_high", "median", "min"]
MODEL_NUMBERS = ["estimate", "std_error", "ci_low", "ci_high", "p_value", "n", "n_patients"]
FAMILIES = {"cam": "CAM", "baseline": "null baseline"}
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


def read_results(path: str | Path, numeric: Sequence[str]) -> pd.DataFrame:
    """Read a results table with names kept as they are written ("NA" and "001" stay text).

    Args:
        path: CSV file.
        numeric: columns of numbers, where an empty cell means nan; all others are text.

    Returns:
        The table.

    Raises:
        InputError: the file is damaged, or a column is absent or holds no numbers.
    """
    table = read_csv(path, numeric, dtype=str, keep_default_na=False)
    for name in numeric:
        try:
            table[name] = pd.to_numeric(table[name].replace("", np.nan))
        except ValueError as error:
            raise InputError(
                f"holds no numbers ({error})", file=path, field=name, remedy=AGAIN
            ) from error
    return table


def family_title(explainer: str, families: Mapping[str, str]) -> str:
    """Name the kind of an explainer as tables show it; "–" if it is unknown."""
    family = families.get(explainer, ABSENT)
    return FAMILIES.get(family, family)


def by_family(explainers: Sequence[str], families: Mapping[str, str]) -> list[str]:
    """Order explainers: those that explain, null baselines, ceilings; else as they come."""
    found = {name: families.get(name, "") for name in explainers}
    return sorted(
        explainers, key=lambda n: 0 if explains(found[n]) else FAMILY_ORDER.index(found[n])
    )


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
