"""The verdict in short: means, pairs and ceilings, from primary comparisons."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fidelity.metrics.registry import title_of
from fidelity.presentation.titles import explainer_title, plain_title, title_of_either
from fidelity.presentation.wording import (
    UNITS_FIRST,
    all_of,
    amount,
    confidence,
    counted,
    listed,
    set_value,
    some_of,
    titled_value,
    value_of,
)
from fidelity.verdict.caveats import ranked_means
from fidelity.verdict.compared_pair import Comparison, between, facts, numbers
from fidelity.verdict.evidence import Evidence
from fidelity.verdict.pairs import without_primary
from fidelity.verdict.structure import Outcome, Sentence, note, warning

# Words for the outcomes against several others, in this order.
_TOLD: dict[Outcome, str] = {
    "better": "scored higher than",
    "worse": "scored lower than",
    "equivalent": "is equivalent to",
    "none_shown": "was not shown to differ from",
    "absent": "could not be compared with",
}
_TOLD_LOWER = {**_TOLD, "better": "scored better (lower) than", "worse": "scored worse than"}


def headline(evidence: Evidence) -> list[Sentence]:
    """Answer in short, over all classes and from primary comparisons.

    Returns:
        The mean of each explainer and of the best null baseline, then each pair once. Without an
        explainer of a classifier, the same for null baselines, ceilings and second readers.
    """
    rows = evidence.primary(evidence.pooled)
    nulls, ceilings = evidence.of_family("baseline"), evidence.of_family("ceiling")
    ranked = list(ranked_means(evidence).reset_index().itertuples())
    if not evidence.real:
        found = [note("No explainer of a classifier was scored.")] if evidence.concludes else []
        found += [_mean(row, evidence) for row in ranked]
        if not rows:
            return found + _nothing(evidence) if len(evidence.explainers) > 1 else found
        return [*found, *_pairs(_names(ranked), rows), *_infinite(rows)]
    found = [_mean(row, evidence) for row in ranked if row.explainer in evidence.real]
    if best := [row for row in ranked if row.explainer in nulls]:
        found.append(_mean(best[0], evidence, best=len(nulls)))
    if not rows:
        return found + _nothing(evidence)
    found += _pairs([name for name in _names(ranked) if name in evidence.real], rows)
    for name in evidence.real:
        found += _standing(name, nulls, "null baseline", rows)
    found += _unbeaten(evidence.real, nulls, rows)
    found += _infinite(rows)
    if evidence.confounded:
        found.append(_confounded(evidence.confounded))
    if ceilings:
        found += _below(evidence, ceilings, rows)
    return found


def units_first(evidence: Evidence) -> list[Sentence]:
    """Explain why a difference can deviate from that of the means, if units have several cases."""
    rows = evidence.primary(evidence.pooled)
    several = [row.unit for row in rows if row.n > row.n_units]
    return [note(UNITS_FIRST.format(unit=unit), averaged_over=unit) for unit in several[:1]]


def _nothing(evidence: Evidence) -> list[Sentence]:
    return [warning(f"Nothing can be concluded: {without_primary(evidence)}.")]


def _names(ranked: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(row.explainer for row in ranked))


def _mean(row: Any, evidence: Evidence, best: int = 0) -> Sentence:
    """State one explainer's mean with interval and n; `best`: best of so many null baselines."""
    statistics = evidence.study.statistics
    metric = statistics["primary"]
    who = explainer_title(row.explainer)
    if best:
        which = f"best of {best} null baselines" if best > 1 else "null baseline"
        who = f"{plain_title(row.explainer)} ({which})"
    n = int(row.n - row.n_undefined)
    facts_of = {
        "explainer": row.explainer,
        "family": evidence.study.families[row.explainer],
        "best_null": bool(best),
        "split": row.split,
        "metric": metric,
        "mean": float(row.mean),
        "ci_low": float(row.ci_low),
        "ci_high": float(row.ci_high),
        "n": n,
        "n_patients": int(row.n_patients),
    }
    if np.isnan(row.mean):
        text = f"{who}: no case has a defined {title_of(metric)}."
        return Sentence(text, "note", "primary", facts_of)
    ends = row.ci_low, row.ci_high
    # How many patients have a defined score is not known.
    size = evidence.size(n, n if row.n_undefined else int(row.n_patients))
    mean = titled_value(metric, row.mean, *ends)
    low, high = (value_of(metric, end, row.mean, *ends) for end in ends)
    interval = (
        "no interval" if np.isnan(row.ci_low) else f"{confidence(statistics)} {low} to {high}"
    )
    where = "" if row.split == "test" else f"; {row.split} split"
    facts_of["stated"] = f"{mean} ({interval}; n = {size}{where})"
    text = f"{who}: mean {title_of(metric)} {facts_of['stated']}."
    return Sentence(text, "note", "primary", facts_of)


def _pairs(names: Sequence[str], rows: Sequence[Comparison]) -> Iterator[Sentence]:
    """State once per pair what the tests show; the one with the better mean is the subject."""
    for place, name in enumerate(names):
        yield from _standing(name, names[place + 1 :], "", rows)


def _confounded(confounded: Mapping[str, str]) -> Sentence:
    """Warn that explainers were treated differently, which may explain their differences."""
    parts = [f"{title_of_either(name)} {how}" for name, how in confounded.items()]
    text = f"Confounded: {listed(parts)}. The explainers were treated differently, so their "
    text += "difference cannot be attributed to them alone."
    return warning(text, confounded=dict(confounded))


def _outcomes(
    name: str, others: Sequence[str], rows: Sequence[Comparison]
) -> dict[Outcome, list[str]]:
    """Group the others by the outcome of the tests of this explainer against them."""
    found: dict[Outcome, list[str]] = {outcome: [] for outcome in _TOLD}
    for row in rows:
        for other in others:
            if {row.first, row.second} == {name, other}:
                found[row.seen_from(name).outcome].append(other)
    return found


def _with_differences(
    name: str, others: Sequence[str], rows: Sequence[Comparison], *, grouped: bool
) -> list[str]:
    """Add the mean difference of an explainer from each of the others to the other's name.

    If the others are grouped, their kind is named before the list, which is in brackets.
    """
    told = []
    for other in others:
        row = between(rows, name, other)[0]
        if row.outcome == "absent":
            told.append(plain_title(other) if grouped else explainer_title(other))
            continue
        difference = amount(row.metric, row.difference)
        if row.outcome == "equivalent":
            low, high = (amount(row.metric, bound, row.difference) for bound in (row.low, row.high))
            difference += f", interval {low} to {high}"
        told.append(
            f"{plain_title(other)} {difference}"
            if grouped
            else f"{explainer_title(other)} ({difference})"
        )
    return told


def _standing(
    name: str, others: Sequence[str], noun: str, rows: Sequence[Comparison]
) -> Iterator[Sentence]:
    """State how one explainer compares with several others, if it was compared with any.

    With a noun, the others are counted; without one, they are only named.
    """
    outcomes = _outcomes(name, others, rows)
    against = {kind: names for kind, names in outcomes.items() if names}
    if not against:
        return
    phrases = _TOLD if rows[0].higher_is_better else _TOLD_LOWER
    total = sum(map(len, outcomes.values()))
    parts = []
    named = 0
    for outcome, phrase in phrases.items():
        if names := outcomes[outcome]:
            told = listed(_with_differences(name, names, rows, grouped=bool(noun)))
            if not noun:
                parts.append(f"{phrase} {told}")
                continue
            named += len(names)
            of = some_of(len(names), total, noun)
            if total > 1 and len(names) == total:
                none = outcome in ("none_shown", "absent")
                of = f"any of {counted(total, noun)}" if none else all_of(total, noun)
            elif parts and named == total:
                of = f"the other {len(names)}" if len(names) > 1 else "the other one"
            parts.append(f"{phrase} {of} ({told})")
    yield Sentence(
        f"{explainer_title(name)} {'; it '.join(parts)}.",
        next(iter(against)) if len(against) == 1 else "note",
        "primary",
        {
            "explainer": name,
            "against": against,
            "metric": rows[0].metric,
            "comparisons": [
                facts(row.seen_from(name))
                for row in rows
                if name in (row.first, row.second) and {row.first, row.second} & set(others)
            ],
        },
    )


def _unbeaten(
    real: Sequence[str], nulls: Sequence[str], rows: Sequence[Comparison]
) -> Iterator[Sentence]:
    """Name the null baselines that no explainer was shown to beat."""
    beaten = {null for name in real for null in _outcomes(name, nulls, rows)["better"]}
    if unbeaten := [name for name in nulls if name not in beaten]:
        word = "higher" if rows[0].higher_is_better else "better (lower)"
        who = f"{explainer_title(real[0])} was not" if len(real) == 1 else "No explainer was"
        yield Sentence(
            f"{who} shown to score {word} than {listed(map(explainer_title, unbeaten), 'or')}. "
            "Null baselines ignore the classifier. Where no difference was shown, explainer and "
            "baseline may localize equally well, or the study may be too small to tell.",
            "warning",
            "primary",
            {"unbeaten": unbeaten},
        )


def _infinite(rows: Sequence[Comparison]) -> Iterator[Sentence]:
    """Warn that infinite differences allow no conclusion, whatever their p."""
    pairs = [(row.first, row.second) for row in rows if np.isinf(row.difference)]
    if pairs:
        have = "has" if len(pairs) == 1 else "have"
        yield warning(
            f"{counted(len(pairs), 'pair')} of {len(rows)} {have} an infinite difference, "
            "because some masks are empty. No interval can be computed, so no conclusion is drawn, "
            "whatever p is. To make these distances finite, set "
            "scores.empty.distance_prediction to diagonal.",
            infinite=pairs,
        )


def _below(
    evidence: Evidence, ceilings: Sequence[str], rows: Sequence[Comparison]
) -> Iterator[Sentence]:
    """State how far the best explainer is below each ceiling."""
    for ceiling in ceilings:
        against = [
            row.seen_from(name)
            for row in rows
            for name in evidence.real
            if {row.first, row.second} == {name, ceiling}
        ]
        against = [row for row in against if row.outcome != "absent"]
        if not against:
            continue
        sign = 1 if against[0].higher_is_better else -1
        nearest = max(against, key=lambda row: sign * row.difference)
        shown = numbers(nearest, evidence.study.statistics, flips=False)
        margin = set_value(evidence.study.statistics["margin"])
        word, link = {
            "better": ("is shown to be better", "than"),
            "worse": ("is shown to be worse", "than"),
            "equivalent": (f"is equivalent within ±{margin}", "to"),
        }.get(nearest.outcome, ("is not shown to differ", "from"))
        who, of = explainer_title(nearest.first), explainer_title(ceiling)
        told = f"{who} {word} {link} {of}"
        if len(against) > 1:
            best = f"does best against {of}, and"
            if nearest.outcome == "worse":
                best = f"comes closest to {of}, but"
            told = f"Of the explainers, {who} {best} {word} {link} this ceiling"
        yield Sentence(
            f"{told}: {title_of(nearest.metric)} difference {shown}.",
            nearest.outcome,
            "primary",
            facts(nearest),
        )
