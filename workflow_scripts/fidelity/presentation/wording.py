"""Numbers, p values, units, directions and lists in words, for all tables, pages and figures.

This is the only module that chooses how many digits people see.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from fidelity.analysis.columns.comparisons import EQUIVALENCE_UNITS
from fidelity.analysis.localization import ALL_CLASSES, sees_reference, unit_of
from fidelity.faithfulness.registry import METRICS as FAITHFULNESS
from fidelity.metrics.registry import METRICS
from fidelity.presentation.titles import ABSENT

SMALL_P = 0.001
FAMILIES = {"cam": "CAM", "baseline": "null baseline"}
_UNITS = {"1": "", "px": " px", "mm": " mm", "diagonal": " of the image diagonal"}
_ARROWS = {"higher": "↑", "lower": "↓"}
# Decimals of quantities that are not registered metrics. Names not listed (shares, hours) have 3.
_DIGITS = {
    **dict.fromkeys(["spearman", "abs_spearman", "ssim", "mask_iou"], 2),
    **dict.fromkeys(["stability_iou", "stability_rank", "effect_size", "probability"], 2),
    **dict.fromkeys(["mean_rank", "critical_difference", "threshold", "gb"], 2),
    **dict.fromkeys(["friedman_statistic", "seconds", "load"], 1),
    **dict.fromkeys(["samples", "superpixels", "mb"], 0),
    "variance": 5,
}
_MOST_DIGITS = 6
_EMPTY_PREDICTION = {
    "diagonal": "the image diagonal",
    "inf": "infinite",
    "nan": "undefined",
}
# Explains an interval that excludes 0 next to a large p.
NOT_BY_INTERVAL = (
    "The interval alone does not decide: unlike p, it is not corrected for the number of pairs"
)
UNITS_FIRST = (
    "The means are over cases. Differences and tests average the cases of each {unit} first. So a "
    "difference can deviate slightly from one mean minus the other."
)
CEILING = (
    "A ceiling shows what can be reached: a network trained on reference masks, or a second reader."
)
# Terms of the failure model.
FACTS = {
    "lesions": "Number of lesions (log)",
    "size": "Size (log)",
    "elongation": "Elongation (log)",
    "contrast": "Contrast",
    "height": "Towards the bottom",
    "from_midline": "Towards the side",
    "confidence": "Confidence",
    "C(view)[T.lateral]": "Lateral view",
}


def listed(names: Iterable[str], word: str = "and") -> str:
    """Join names: "a", "a and b", "a, b and c"."""
    *first, last = list(names) or [""]
    return f"{', '.join(first)} {word} {last}" if first else last


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun, in the plural if necessary (by default with an s)."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def all_of(number: int, noun: str) -> str:
    """Write "both pairs", "all 3 pairs"."""
    return f"both {noun}s" if number == 2 else f"all {counted(number, noun)}"


def some_of(number: int, total: int, noun: str) -> str:
    """Write "2 of 3 pairs"; "the pair" if there is only one."""
    return f"{number} of {total} {noun}s" if total > 1 else f"the {noun}"


def number(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """Write a number with a true minus, zero without a sign; "–" if it is missing.

    Args:
        sign: whether numbers above zero have a plus.
    """
    if math.isnan(value):
        return ABSENT
    text = f"{value:z.{digits}f}".replace("-", "−").replace("inf", "∞")
    return f"+{text}" if sign and value > 0 and round(value, digits) != 0 else text


def with_interval(value: float, low: float, high: float, digits: int, *, sign: bool = False) -> str:
    """Write a value with its interval, if it has one."""
    text, *ends = (number(each, digits, sign=sign) for each in (value, low, high))
    return text if math.isnan(value) or math.isnan(low) else f"{text} [{', '.join(ends)}]"


def digits_of(metric: str, *values: float) -> int:
    """Choose the decimals of values of a metric, or of another quantity.

    Args:
        values: values shown side by side; if all would read as 0, more decimals are used.
    """
    digits = _DIGITS.get(metric, 1 if unit_of(metric) in ("px", "mm") else 3)
    sizes = [abs(value) for value in values if value and not math.isnan(value)]
    if sizes and metric in FAITHFULNESS:
        return FAITHFULNESS[metric].digits(max(sizes))
    while digits < _MOST_DIGITS and sizes and round(max(sizes), digits) == 0:
        digits += 1
    return digits


def amount(metric: str, value: float, *beside: float) -> str:
    """Write a signed value of a metric with its unit, with the decimals of its neighbours."""
    unit = unit_of(metric)
    digits = digits_of(metric, value, *beside)
    return number(value, digits, sign=True) + _UNITS.get(unit, f" {unit}")


def titled_value(metric: str, value: float, *beside: float) -> str:
    """Write a value after the metric's title: with its unit, unless the title names it."""
    unit = " px" * (unit_of(metric) == "px" and not math.isnan(value))
    return value_of(metric, value, *beside) + unit


def value_of(metric: str, value: float, *beside: float) -> str:
    """Write a value of a metric or quantity, with the decimals of the values next to it."""
    return number(value, digits_of(metric, value, *beside))


def set_value(value: float) -> str:
    """Write a number from the config, such as a margin, as it is written there."""
    return f"{value:g}"


def percent(share: float) -> str:
    """Write a share in whole percent: "95 %"."""
    return f"{number(100 * share, 0)} %"


def estimated_time(seconds: float) -> str:
    """Write an estimated time: "60 s", "10 min", "2.0 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def p_value(value: float, alpha: float) -> str:
    """Write a p value for a sentence: "= 0.012" or "< 0.001"; see `p_cell`."""
    text = p_cell(value, alpha)
    return f"< {text[1:]}" if text.startswith("<") else f"= {text}"


def p_cell(value: float, alpha: float) -> str:
    """Write a p value for a table cell, with enough decimals to see on which side of alpha it is.

    With alpha .05, this writes 0.0496 and 0.0504, but 0.049 and 0.051.
    """
    small = min(SMALL_P, alpha)
    if value < small:
        return f"<{set_value(small)}"
    digits = 3
    while _side(round(value, digits), alpha) != _side(value, alpha):
        digits += 1
    return number(value, digits)


def _side(value: float, alpha: float) -> tuple[bool, bool]:
    return value < alpha, value > alpha


def family_title(explainer: str, families: Mapping[str, str]) -> str:
    """Name the kind of an explainer for tables; "–" if it is unknown."""
    family = families.get(explainer, ABSENT)
    return FAMILIES.get(family, family)


def stratum_title(name: str) -> str:
    """Write what cases are divided by: `lesion_count` becomes "Number of lesions"."""
    known = {"lesion_count": "Number of lesions", "side": "Side of the patient"}
    return known.get(name) or name.replace("_", " ").capitalize()


def class_title(name: str) -> str:
    """Name a class for tables: "All classes" for all together."""
    return "All classes" if name == ALL_CLASSES else name


def classes_title(names: Sequence[str]) -> str:
    """Name the classes of a table in its title: "all classes", "class a and b"."""
    return "all classes" if list(names) == [ALL_CLASSES] else f"class {listed(names)}"


def with_direction(title: str, direction: str) -> str:
    """Add an arrow to a title: up if higher is better, down if lower is, else none."""
    return f"{title} {_ARROWS[direction]}" if direction in _ARROWS else title


def better(direction: str) -> str:
    """Write which values are better: "higher is better"."""
    return f"{direction} is better"


def pixels_compared(names: str) -> str:
    """Explain "(full sets)" and "(boundary)", if titles of metrics contain them."""
    words = {
        "(full sets)": "Full sets: distances between all pixels of the two masks.",
        "(boundary)": "Boundary: distances between the boundaries of the two masks.",
    }
    return "".join(f" {meaning}" for mark, meaning in words.items() if mark in names)


def metric_title(metric: str) -> str:
    """Name a metric with unit and direction; mark it as diagnostic if it uses the reference."""
    if metric not in METRICS:
        return metric
    known = METRICS[metric]
    unit = ", px" if known.unit == "px" else ""  # titles contain other units already
    mark = ", diagnostic" if sees_reference(metric) else ""
    return with_direction(f"{known.title}{unit}{mark}", known.direction)


def axis_title(metric: str) -> str:
    """Name a metric for an axis, with its direction and, if it is in pixels, its unit."""
    known = METRICS.get(metric) or FAITHFULNESS.get(metric)
    if known is None:
        return metric
    unit = ["px"] if getattr(known, "unit", "") == "px" else []
    way = [better(known.direction)] if known.direction in ("higher", "lower") else []
    facts = ", ".join([*unit, *way])
    return f"{known.title} ({facts})" if facts else known.title


def empty_masks(policy: Mapping[str, str]) -> str:
    """State how the default protocol scores empty masks."""
    return (
        "Means leave out cases with an empty reference mask. If only the predicted mask is empty, "
        f"overlap is 0 and distances are {_EMPTY_PREDICTION[policy['distance_prediction']]}."
    )


def generated_data(dataset: str) -> str:
    """State that a data set is generated, and what its result is worth."""
    return (
        f"The images, patients and readers of {dataset} are generated. So its result shows nothing "
        "about real patients."
    )


def sign_patterns(permutations: int) -> str:
    """State which sign patterns the second test uses."""
    return f"{permutations} random patterns of signs, or all patterns if there are fewer"


def corrected_pairs(number: int | None = None) -> str:
    """State which pairs Holm's correction covers; their number if it is known."""
    count = "" if number is None else f"{number} "
    return f"all {count}pairs of explainers, null baselines and ceilings"


def equivalent(margin: float) -> str:
    """State what “Equivalent” requires."""
    return (
        f"“Equivalent” requires an interval inside ±{set_value(margin)}, from at least "
        f"{EQUIVALENCE_UNITS} patients (or images, if these are the unit of analysis)."
    )


def unit_note(unit: str) -> str:
    """State what the unit of analysis is and, if it is the image, why.

    Args:
        unit: `patient` or `image`; in a comparison of two studies also both, that of A first.
    """
    if " and " in unit:
        return "Unit of analysis: {} in A, {} in B.".format(*unit.split(" and "))
    if unit == "patient":
        return "Unit of analysis: patient."
    return (
        "Unit of analysis: image (no patient has two, the data set does not list patients, or "
        "statistics.cluster is “case”)."
    )


def confidence(statistics: Mapping[str, float]) -> str:
    """Name the intervals of a study: "95 % interval"."""
    return f"{100 * (1 - statistics['alpha']):g} % interval"
