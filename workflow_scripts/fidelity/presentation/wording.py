"""Numbers, p values, units and lists in words: of all tables, pages and figures."""

import math
from collections.abc import Iterable, Mapping, Sequence

from fidelity.analysis.localization import ALL_CLASSES, sees_reference
from fidelity.faithfulness.registry import METRICS as FAITHFULNESS
from fidelity.metrics.registry import METRICS

ABSENT = "–"
SMALL_P = 0.001
FAMILIES = {"cam": "CAM", "baseline": "null baseline"}
_UNITS = {"1": "", "px": " px", "mm": " mm", "diagonal": " of the image diagonal"}
_MOST_DIGITS = 6


def listed(names: Iterable[str]) -> str:
    """Join names: "a", "a and b", "a, b and c"."""
    *first, last = list(names) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun, in the plural where due (by default with an s)."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def number(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """Write a number with a true minus, zero without a sign; "–" if it is missing.

    Args:
        value: may be infinite.
        digits: after the point.
        sign: whether a number above zero has a plus.
    """
    if math.isnan(value):
        return ABSENT
    text = f"{value:z.{digits}f}".replace("-", "−").replace("inf", "∞")
    return f"+{text}" if sign and value > 0 and round(value, digits) != 0 else text


def with_interval(value: float, low: float, high: float, digits: int) -> str:
    """Write a value with its interval, if it has one."""
    text = number(value, digits)
    if math.isnan(value) or math.isnan(low):
        return text
    return f"{text} [{number(low, digits)}, {number(high, digits)}]"


def digits_of_unit(unit: str) -> int:
    """Give the decimals of a value in this unit."""
    return 1 if unit in ("px", "mm") else 3


def digits_of(metric: str, *values: float) -> int:
    """Choose the digits of a metric's values so that none but a zero is shown as 0."""
    digits = digits_of_unit(_unit(metric))
    sizes = [abs(value) for value in values if value and not math.isnan(value)]
    if sizes and metric in FAITHFULNESS:
        return FAITHFULNESS[metric].digits(max(sizes))
    while digits < _MOST_DIGITS and sizes and round(max(sizes), digits) == 0:
        digits += 1
    return digits


def amount(metric: str, value: float, *beside: float) -> str:
    """Write a signed value of a metric with its unit, with the digits of the values beside it."""
    unit = _unit(metric)
    digits = digits_of(metric, value, *beside)
    return number(value, digits, sign=True) + _UNITS.get(unit, f" {unit}")


def p_value(value: float) -> str:
    """Write a p value of a sentence: "= 0.012" or "< 0.001"."""
    return f"< {SMALL_P}" if value < SMALL_P else f"= {value:.3f}"


def p_cell(value: float) -> str:
    """Write a p value of a table's cell."""
    return f"<{SMALL_P}" if value < SMALL_P else number(value)


def family_title(explainer: str, families: Mapping[str, str]) -> str:
    """Name the kind of an explainer as tables show it; "–" if it is unknown."""
    family = families.get(explainer, ABSENT)
    return FAMILIES.get(family, family)


def class_title(name: str) -> str:
    """Name a class as tables show it: "All classes" for all together."""
    return "All classes" if name == ALL_CLASSES else name


def classes_title(names: Sequence[str]) -> str:
    """Name the classes of a table in its title: "all classes", "class a and b"."""
    return "all classes" if list(names) == [ALL_CLASSES] else f"class {listed(names)}"


def metric_title(metric: str) -> str:
    """Name a metric with its unit and direction, and say if it saw the reference."""
    if metric not in METRICS:
        return metric
    known = METRICS[metric]
    unit = ", px" if known.unit == "px" else ""  # other units stand in the title
    mark = ", diagnostic" if sees_reference(metric) else ""
    arrow = {"higher": " ↑", "lower": " ↓"}.get(known.direction, "")
    return f"{known.title}{unit}{mark}{arrow}"


def axis_title(metric: str) -> str:
    """Name a metric as an axis does, with its unit where it is pixels, and its direction."""
    known = METRICS.get(metric) or FAITHFULNESS.get(metric)
    if known is None:
        return metric
    unit = ["px"] if getattr(known, "unit", "") == "px" else []
    better = [f"{known.direction} is better"] if known.direction in ("higher", "lower") else []
    told = ", ".join([*unit, *better])
    return f"{known.title} ({told})" if told else known.title


def unit_note(unit: str) -> str:
    """Say what the unit of analysis is, and why it is not the patient."""
    if unit == "patient":
        return "Unit of analysis: patient."
    return (
        "Unit of analysis: image (no patient has two, the data set does not know its patients, or "
        "statistics.cluster is `case`)."
    )


def confidence(statistics: Mapping[str, float]) -> str:
    """Name the intervals of a study: "95 % interval"."""
    return f"{100 * (1 - statistics['alpha']):g} % interval"


def _unit(metric: str) -> str:
    return METRICS[metric].unit if metric in METRICS else "1"
