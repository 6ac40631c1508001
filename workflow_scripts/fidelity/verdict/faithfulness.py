"""Does the classifier use what the maps show: sentences from the comparisons of faithfulness."""

from collections.abc import Iterator
from itertools import groupby

from fidelity.faithfulness.registry import METRICS
from fidelity.summary import ALL_CLASSES
from fidelity.verdict.comparison import Comparison, cannot_show, facts, numbers
from fidelity.verdict.evidence import Evidence
from fidelity.verdict.model import Group, Outcome, Section, Sentence
from fidelity.verdict.wording import counted, listed

QUESTION = "Does the classifier use what the maps show?"
INTRO = (
    "Faithfulness: what the classifier answers when the pixels that a map calls important go, or "
    "alone stay (docs/measuring.md). Secondary: a map may point at the disease and not show what "
    "the classifier uses, or the reverse."
)


def uses_what_they_show(evidence: Evidence) -> Section:
    """Say whom each explainer was shown to exceed in faithfulness, over all classes."""
    if evidence.tables.faithfulness is None:
        nothing = "Faithfulness was not measured (faithfulness.metrics in the config)."
        return Section(QUESTION, [Group("", [Sentence(nothing, "note")])])
    rows = evidence.faithfulness
    # A class of another split may be in the other tables and not in this one.
    if any(row.cls == ALL_CLASSES for row in rows):
        rows = [row for row in rows if row.cls == ALL_CLASSES]
    groups = {
        "What they rest on": list(_powerless(evidence, rows)),
        "Against the null baselines": list(_against_nulls(evidence, rows)),
        "Between explainers": list(_between(evidence, rows)),
    }
    told = [Group(title, sentences) for title, sentences in groups.items() if sentences]
    nothing = Sentence("There is no pair of explainers to compare.", "note")
    return Section(QUESTION, told or [Group("", [nothing])], INTRO)


def _powerless(evidence: Evidence, rows: list[Comparison]) -> Iterator[Sentence]:
    """Warn of metrics with so few units that no test can show anything."""
    for metric, group in groupby(sorted(rows, key=_metric_of), key=_metric_of):
        part = list(group)
        units = max(row.n_units for row in part)
        if cannot_show(units, len(part), evidence.study.statistics["alpha"]):
            yield Sentence(
                f"By {METRICS[metric].title}, measured on {counted(units, part[0].unit)}, hardly "
                f"any test can reach significance with {counted(len(part), 'pair')} to correct "
                "for: that no difference was shown says nothing here.",
                "warning",
                "",
                {"metric": metric, "n_units": units},
            )


def _metric_of(row: Comparison) -> str:
    return row.metric


def _against_nulls(evidence: Evidence, rows: list[Comparison]) -> Iterator[Sentence]:
    nulls = evidence.of_family("baseline")
    for name in evidence.real:
        by_metric: dict[str, dict[Outcome, list[str]]] = {}
        for row in rows:
            if name in (row.first, row.second) and {row.first, row.second} & set(nulls):
                seen = row.seen_from(name)
                found = by_metric.setdefault(row.metric, {})
                found.setdefault(seen.outcome, []).append(seen.second)
        if by_metric:
            yield _standing(name, by_metric)


def _standing(name: str, by_metric: dict[str, dict[Outcome, list[str]]]) -> Sentence:
    ahead, behind = [], []
    for metric, found in by_metric.items():
        total, title = sum(map(len, found.values())), METRICS[metric].title
        better, worse = found.get("better", []), found.get("worse", [])
        noun = counted(total, "null baseline") if not ahead else str(total)
        ahead.append(f"{len(better) or 'none'} of {noun} by {title}")
        if worse:
            behind.append(f"{listed(worse)} by {title}")
    text = f"{name} was shown to be more faithful than {listed(ahead)}"
    if behind:
        text += f"; less faithful than {listed(behind)}"
    shown = {kind for found in by_metric.values() for kind, names in found.items() if names}
    outcome: Outcome = shown.pop() if len(shown) == 1 else "note"
    told = {"explainer": name, "against": by_metric}
    return Sentence(f"{text}.", outcome, "secondary", told)


def _between(evidence: Evidence, rows: list[Comparison]) -> Iterator[Sentence]:
    pairs: dict[tuple[str, str], list[Comparison]] = {}
    for row in rows:
        if {row.first, row.second} <= set(evidence.real):
            pairs.setdefault((row.first, row.second), []).append(row)
    for (a, b), part in pairs.items():
        yield _pair(evidence, a, b, part)


def _pair(evidence: Evidence, a: str, b: str, rows: list[Comparison]) -> Sentence:
    parts = []
    for outcome, phrase in (
        ("better", f"{a} is more faithful by"),
        ("worse", f"{b} is more faithful by"),
        ("none_shown", "no difference was shown by"),
        ("absent", "they could not be compared by"),
    ):
        names = [
            f"{METRICS[row.metric].title} {numbers(row, evidence.study.statistics, units=False)}"
            for row in rows
            if row.outcome == outcome
        ]
        if names:
            parts.append(f"{phrase} {listed(names)}")
    shown = {row.outcome for row in rows}
    outcome = shown.pop() if len(shown) == 1 else "note"
    text = f"{a} − {b}: {'; '.join(parts)}."
    return Sentence(text, outcome, "secondary", {"comparisons": [facts(row) for row in rows]})
