"""Words and numbers of the verdict's sentences."""

import math
from collections.abc import Sequence

from fidelity.faithfulness.registry import METRICS as FAITHFULNESS
from fidelity.metrics.registry import METRICS

_UNITS = {"1": "", "px": " px", "mm": " mm", "diagonal": " of the image diagonal"}
# Digits after the point by unit; more where these would show a difference as 0.
_DIGITS = {"px": 1, "mm": 1}
_MOST_DIGITS = 6


def listed(names: Sequence[str]) -> str:
    """Join names: "a", "a and b", "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun, in the plural where due (by default with an s)."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def signed(value: float, digits: int) -> str:
    """Write a number with its sign, a true minus, and no sign at zero."""
    if math.isnan(value):
        return "–"
    if round(value, digits) == 0:
        return f"{abs(value):.{digits}f}"
    return f"{value:+.{digits}f}".replace("-", "−").replace("inf", "∞")


def digits_of(metric: str, *values: float) -> int:
    """Choose the digits of a metric's values so that none but a zero is shown as 0."""
    unit = METRICS[metric].unit if metric in METRICS else "1"
    digits = _DIGITS.get(unit, 3)
    sizes = [abs(value) for value in values if value and not math.isnan(value)]
    if sizes and metric in FAITHFULNESS:
        return FAITHFULNESS[metric].digits(max(sizes))
    while digits < _MOST_DIGITS and sizes and round(max(sizes), digits) == 0:
        digits += 1
    return digits


def amount(metric: str, value: float, *beside: float) -> str:
    """Write a signed value of a metric with its unit, with the digits of the values beside it."""
    unit = METRICS[metric].unit if metric in METRICS else "1"
    return signed(value, digits_of(metric, value, *beside)) + _UNITS.get(unit, f" {unit}")


def p_value(value: float) -> str:
    """Write "= 0.012" or "< 0.001"."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
