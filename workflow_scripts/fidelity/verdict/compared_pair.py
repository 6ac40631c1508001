"""One row of comparisons.csv, seen from one of its two explainers, and its sentence."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from fidelity.analysis.localization import DEFAULT_PROTOCOL, NO_BINARIZATION, direction_of
from fidelity.metrics.registry import METRICS, title_of
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import (
    amount,
    confidence,
    counted,
    digits_of,
    number,
    p_value,
    set_value,
    value_of,
)
from fidelity.verdict.structure import Outcome, Sentence

Conclusion = Literal["first_higher", "second_higher", "equivalent", "none_shown"]
_TURNED: dict[str, Conclusion] = {
    "first_higher": "second_higher",
    "second_higher": "first_higher",
}
_SHOWN_FIRST: Sequence[Outcome] = ("better", "worse", "equivalent", "none_shown", "absent")
INFINITE = "; some distances are infinite (empty masks), which leaves no interval and no conclusion"
_READ: dict[str, Conclusion] = {"a_higher": "first_higher", "b_higher": "second_higher"}


@dataclass(frozen=True)
class Comparison:
    """A paired comparison, `first` − `second`.

    Attributes:
        binarization: key of the config; `none` for threshold-free metrics.
        cls: class of the reference masks, or `all`.
        n_units: number of patients or images, see `unit`.
        unit: `patient` or `image`.
        difference: mean of first − second in the metric's unit; nan if there is none.
        effect_size: rank-biserial correlation.
        p_adjusted: Wilcoxon's signed-rank test, after Holm's correction.
        p_permutation_adjusted: test by sign flips, after Holm's correction; `p_permutation`,
            before it.
    """

    binarization: str
    protocol: str
    cls: str
    metric: str
    family: str
    first: str
    second: str
    n: int
    n_units: int
    unit: str
    difference: float
    low: float
    high: float
    effect_size: float
    p_adjusted: float
    p_permutation_adjusted: float
    conclusion: Conclusion
    higher_is_better: bool = True
    p_permutation: float = np.nan

    def turned(self) -> "Comparison":
        """Exchange the two explainers."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
            effect_size=-self.effect_size,
            conclusion=_TURNED.get(self.conclusion, self.conclusion),
        )

    def seen_from(self, explainer: str) -> "Comparison":
        """Return the comparison with the given explainer as the first."""
        return self if self.first == explainer else self.turned()

    @property
    def outcome(self) -> Outcome:
        """What the tests show about the first explainer, by the metric's direction."""
        if np.isnan(self.difference):
            return "absent"
        if self.conclusion in ("equivalent", "none_shown"):
            return self.conclusion
        return "better" if (self.conclusion == "first_higher") == self.higher_is_better else "worse"

    @property
    def ahead(self) -> int:
        """Which mean is better, tested or not: 1 the first, −1 the second, 0 neither."""
        if np.isnan(self.difference):
            return 0
        return int(np.sign(self.difference)) * (1 if self.higher_is_better else -1)


def read_rows(table: pd.DataFrame) -> Iterator[Comparison]:
    """Turn rows of comparisons.csv, or faithfulness_comparisons.csv, into records.

    Args:
        table: has the columns of COMPARISONS or FAITHFULNESS_COMPARISONS (`columns.comparisons`).
            The latter has no binarization, protocol and family, but the direction.
    """
    for row in table.to_dict("records"):
        yield Comparison(
            binarization=row.get("binarization", NO_BINARIZATION),
            protocol=row.get("protocol", DEFAULT_PROTOCOL),
            cls=row["class"],
            metric=row["metric"],
            family=row.get("family", "secondary"),
            first=row["explainer_a"],
            second=row["explainer_b"],
            n=int(row["n"]),
            n_units=int(row["n_patients"]),
            unit=row["unit_of_analysis"],
            difference=float(row["mean_difference"]),
            low=float(row["ci_low"]),
            high=float(row["ci_high"]),
            effect_size=float(row["effect_size"]),
            p_adjusted=float(row["p_adjusted"]),
            p_permutation_adjusted=float(row["p_permutation_adjusted"]),
            conclusion=_READ.get(row["conclusion"], row["conclusion"]),
            higher_is_better=row.get("direction", direction_of(row["metric"])) == "higher",
            p_permutation=float(row["p_permutation"]),
        )


def between(rows: Iterable[Comparison], a: str, b: str) -> list[Comparison]:
    """Return the comparisons of two explainers, with `a` as the first."""
    return [row.seen_from(a) for row in rows if {row.first, row.second} == {a, b}]


def cannot_show(units: int, pairs: int, alpha: float) -> bool:
    """Check whether no pair can reach significance.

    Wilcoxon's exact two-sided p is at least 2^(1 - n), and Holm multiplies the smallest p by the
    number of pairs.
    """
    return 2.0 ** (1 - units) * pairs >= alpha


def sentence(comparison: Comparison, statistics: Mapping[str, Any]) -> Sentence:
    """State what one comparison shows, and no more; its first explainer is the subject."""
    first, second = explainer_title(comparison.first), explainer_title(comparison.second)
    metric = comparison.metric
    outcome = comparison.outcome
    title = title_of(metric)
    if outcome == "absent":
        why = f"no case has a value of {title} for both"
        if comparison.n_units:
            why = f"{title} is infinite for some cases of both, so the mean difference is undefined"
        text = f"{first} and {second} could not be compared: {why}."
        return Sentence(text, outcome, comparison.family, facts(comparison))
    if outcome == "equivalent":
        margin = set_value(statistics["margin"])
        said = f"{first} and {second} are equivalent within ±{margin} {title}"
    elif outcome == "none_shown":
        said = f"No difference between {first} and {second} was shown"
    elif comparison.higher_is_better:
        said = f"{first} scored {'higher' if outcome == 'better' else 'lower'} than {second}"
    else:
        word = "better (lower)" if outcome == "better" else "worse (higher)"
        said = f"{first} scored {word} than {second}"
    notes = _notes(comparison, statistics)
    text = f"{said}: {title} difference {numbers(comparison, statistics)}{notes}."
    return Sentence(text, outcome, comparison.family, facts(comparison))


def metric_by_metric(
    rows: Iterable[Comparison],
    statistics: Mapping[str, Any],
    titled: Callable[[str], str],
    standing: Mapping[str, str],
    *,
    units: bool,
) -> Iterator[Sentence]:
    """State what each metric says of a pair, differences that were shown first.

    Args:
        standing: what the first explainer is if it is `better` or `worse`: "more faithful".
    """
    for row in sorted(rows, key=lambda row: _SHOWN_FIRST.index(row.outcome)):
        first, second = explainer_title(row.first), explainer_title(row.second)
        said = {
            # The first explainer is the subject in both: the page's sign shows its outcome.
            **{outcome: f"{first} is {word} than {second}" for outcome, word in standing.items()},
            "equivalent": f"{first} and {second} are equivalent",
            "none_shown": "No difference was shown",
        }.get(row.outcome, f"{first} and {second} could not be compared")
        text = f"{said} by {titled(row.metric)}"
        if row.outcome != "absent":
            shown = numbers(row, statistics, units=units, flips=False)
            text += ", where lower is better" * (not row.higher_is_better)
            text += f": mean difference {first} minus {second} = {shown}"
            text += INFINITE * bool(np.isinf(row.difference))
        yield Sentence(f"{text}.", row.outcome, "secondary", facts(row))


def numbers(
    comparison: Comparison,
    statistics: Mapping[str, Any],
    *,
    units: bool = True,
    flips: bool = True,
) -> str:
    """Write difference, interval and adjusted p values.

    Args:
        flips: whether to add the p of the second test, by sign flips.
    """
    metric = comparison.metric
    parts = []
    if not np.isnan(comparison.low):
        digits = digits_of(metric, comparison.difference, comparison.low, comparison.high)
        low, high = (
            number(bound, digits, sign=True) for bound in (comparison.low, comparison.high)
        )
        parts.append(f"{confidence(statistics)} {low} to {high}")
    if not np.isnan(comparison.p_adjusted):
        alpha = statistics["alpha"]
        parts.append(f"Holm-adjusted p {p_value(comparison.p_adjusted, alpha)}")
        if flips and not np.isnan(comparison.p_permutation_adjusted):
            parts[-1] += f" (sign flips: p {p_value(comparison.p_permutation_adjusted, alpha)})"
    if units:
        parts.append(
            "n = " + counted(comparison.n_units, comparison.unit)
            if comparison.unit == "image" and comparison.n == comparison.n_units
            else f"n = {counted(comparison.n_units, comparison.unit)}, "
            f"{counted(comparison.n, 'case')}"
        )
    shown = amount(metric, comparison.difference, comparison.low, comparison.high)
    return f"{shown} ({'; '.join(parts)})" if parts else shown


def facts(comparison: Comparison) -> dict[str, Any]:
    """Return the numbers of a comparison for verdict.json."""
    return {
        "explainer": comparison.first,
        "other": comparison.second,
        "class": comparison.cls,
        "metric": comparison.metric,
        "binarization": comparison.binarization,
        "protocol": comparison.protocol,
        "mean_difference": comparison.difference,
        "ci_low": comparison.low,
        "ci_high": comparison.high,
        "effect_size": comparison.effect_size,
        "p_adjusted": comparison.p_adjusted,
        "p_permutation_adjusted": comparison.p_permutation_adjusted,
        "n": comparison.n,
        "n_units": comparison.n_units,
        "unit_of_analysis": comparison.unit,
    }


def _notes(comparison: Comparison, statistics: Mapping[str, Any]) -> str:
    """Add limitations to a difference that was shown, or why a clear one was not."""
    if np.isinf(comparison.difference):
        return INFINITE
    clear = comparison.p_adjusted < statistics["alpha"] and comparison.low * comparison.high > 0
    if comparison.outcome == "none_shown" and clear:
        effect = value_of("effect_size", comparison.effect_size)
        return f"; the rank-biserial correlation, {effect}, does not have the sign of the mean"
    if comparison.outcome not in ("better", "worse"):
        return ""
    notes = ""
    margin = statistics["margin"]
    share = comparison.metric in METRICS and METRICS[comparison.metric].unit == "1"
    if share and max(abs(comparison.low), abs(comparison.high)) < margin:
        notes += f"; a difference smaller than the margin of {set_value(margin)}"
    if comparison.p_permutation_adjusted >= statistics["alpha"]:
        # No p can be smaller than that of a pattern more extreme than all random ones.
        smallest = comparison.p_permutation <= 1 / (1 + statistics["permutations"])
        notes += (
            "; the sign-flip test cannot confirm it, because statistics.permutations is too small"
            if smallest
            else "; the sign-flip test does not confirm it"
        )
    return notes
