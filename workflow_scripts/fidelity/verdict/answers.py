"""Who beats whom, the null baselines and the ceilings: sentences from primary comparisons."""

from collections.abc import Iterator, Mapping, Sequence

from fidelity.metrics.registry import title_of
from fidelity.verdict.comparison import Comparison, facts, numbers, sentence
from fidelity.verdict.evidence import Evidence
from fidelity.verdict.model import Group, Outcome, Section, Sentence
from fidelity.verdict.wording import amount, counted, listed

# How the outcomes against several others are told, in this order.
_TOLD: dict[Outcome, str] = {
    "better": "scored higher than",
    "worse": "scored lower than",
    "equivalent": "is equivalent to",
    "none_shown": "was not shown to differ from",
    "absent": "could not be compared with",
}
_TOLD_LOWER = {**_TOLD, "better": "scored better (lower) than", "worse": "scored worse than"}


def headline(evidence: Evidence) -> list[Sentence]:
    """Answer in short: what each explainer, over all classes, was shown to do."""
    found = []
    if not evidence.real:
        return [Sentence("No explainer of a classifier was scored.", "note")]
    rows = evidence.primary(evidence.pooled)
    if not rows:
        return [Sentence(f"Nothing can be concluded: {_without_primary(evidence)}.", "note")]
    nulls, ceilings = evidence.of_family("baseline"), evidence.of_family("ceiling")
    for name in evidence.real:
        others = [other for other in evidence.real if other != name]
        for group, noun in ((others, "other explainer"), (nulls, "null baseline")):
            found.extend(_standing(name, group, noun, rows))
    found.extend(_unbeaten(evidence.real, nulls, rows))
    if evidence.confounded:
        found.append(_confounded(evidence.confounded))
    if ceilings:
        found.extend(_below(evidence, ceilings, rows))
    return found


def _without_primary(evidence: Evidence) -> str:
    """Say why there is no primary comparison, although explainers were scored."""
    if "test" not in evidence.splits:
        return (
            f"only the split {listed(evidence.splits)} was explained, on which thresholds and "
            "classifiers may have been chosen; primary comparisons are of the split test (add it "
            "to explain.splits). What was compared stands in comparisons.csv as secondary"
        )
    return "there is no primary comparison"


def _confounded(confounded: Mapping[str, str]) -> Sentence:
    """Warn that explainers were not treated alike: their differences are not theirs alone."""
    parts = [f"{name} {how}" for name, how in confounded.items()]
    text = f"Confounded: {listed(parts)}. Where this enters a comparison, its result is of the "
    text += "explainers and of these rules together, and says nothing of the explainers alone."
    return Sentence(text, "warning", "", {"confounded": dict(confounded)})


def beats_others(evidence: Evidence) -> Section:
    """Answer for every pair of explainers, class by class; the better one is named first."""

    def pairs(rows: Sequence[Comparison]) -> Iterator[Comparison]:
        for row in rows:
            if {row.first, row.second} <= set(evidence.real):
                yield row.turned() if row.outcome == "worse" else row

    nothing = (
        "There is one explainer only: there is no pair to compare."
        if len(evidence.real) == 1
        else f"This question cannot be answered: {_without_primary(evidence)}."
        if evidence.real and not any(map(evidence.primary, evidence.classes))
        else "There is no pair of explainers to compare."
    )
    return Section("Does one explainer beat another?", _by_class(evidence, pairs, nothing))


def beats_nulls(evidence: Evidence) -> Section:
    """Answer for every explainer and null baseline, class by class."""
    return Section(
        "Does an explainer beat the null baselines?",
        _against(
            evidence, "baseline", "No null baseline was run: this question cannot be answered."
        ),
        "A null baseline knows nothing of the classifier. An explainer that is not shown to beat "
        "it has not been shown to point at the disease.",
    )


def below_ceilings(evidence: Evidence) -> Section:
    """Say how far every explainer is from what can be reached, class by class."""
    return Section(
        "How far below the ceilings?",
        _against(evidence, "ceiling", "No ceiling (U-Net, second reader) was run."),
        "A ceiling was trained on reference masks or is another reader's: it shows what can be "
        "reached on these images.",
    )


def _by_class(evidence: Evidence, choose, nothing: str) -> list[Group]:
    groups = []
    # All classes together first.
    for cls in sorted(evidence.classes, key=lambda name: name != evidence.pooled):
        told = [sentence(row, evidence.study.statistics) for row in choose(evidence.primary(cls))]
        if told:
            groups.append(Group(f"Class {cls}" if cls != "all" else "All classes", told))
    return groups or [Group("", [Sentence(nothing, "note")])]


def _against(evidence: Evidence, family: str, nothing: str) -> list[Group]:
    others = set(evidence.of_family(family))
    if others and evidence.real and not any(map(evidence.primary, evidence.classes)):
        nothing = f"This question cannot be answered: {_without_primary(evidence)}."

    def pairs(rows: Sequence[Comparison]) -> Iterator[Comparison]:
        for name in evidence.real:
            for row in rows:
                if name in (row.first, row.second) and others & {row.first, row.second}:
                    yield row.seen_from(name)

    return _by_class(evidence, pairs, nothing)


def _outcomes(
    name: str, others: Sequence[str], rows: Sequence[Comparison]
) -> dict[Outcome, list[str]]:
    """Sort the others by what the tests say of this explainer against them."""
    found: dict[Outcome, list[str]] = {outcome: [] for outcome in _TOLD}
    for row in rows:
        for other in others:
            if {row.first, row.second} == {name, other}:
                found[row.seen_from(name).outcome].append(other)
    return found


def _with_differences(name: str, others: Sequence[str], rows: Sequence[Comparison]) -> list[str]:
    """Put the mean difference of an explainer from each other one behind the other's name."""
    told = []
    for other in others:
        row = next(row for row in rows if {row.first, row.second} == {name, other})
        difference = row.seen_from(name).difference
        told.append(f"{other} {amount(row.metric, difference)}")
    return told


def _standing(
    name: str, others: Sequence[str], noun: str, rows: Sequence[Comparison]
) -> Iterator[Sentence]:
    """Say how one explainer stands against several others, if it was compared with any."""
    outcomes = _outcomes(name, others, rows)
    against = {kind: names for kind, names in outcomes.items() if names}
    if not against:
        return
    phrases = _TOLD if rows[0].higher_is_better else _TOLD_LOWER
    total = sum(map(len, outcomes.values()))
    parts = []
    for outcome, phrase in phrases.items():
        if names := outcomes[outcome]:
            of = f"{len(names)} of {counted(total, noun)}" if total > 1 else f"the {noun}"
            if total > 1 and len(names) == total:
                of = f"{'any of' if outcome == 'none_shown' else 'all'} {counted(total, noun)}"
            parts.append(f"{phrase} {of} ({listed(_with_differences(name, names, rows))})")
    yield Sentence(
        f"{name} {'; it '.join(parts)}.",
        next(iter(against)) if len(against) == 1 else "note",
        "primary",
        {"explainer": name, "against": against, "metric": rows[0].metric},
    )


def _unbeaten(
    real: Sequence[str], nulls: Sequence[str], rows: Sequence[Comparison]
) -> Iterator[Sentence]:
    """Name the null baselines that no explainer was shown to beat."""
    beaten = {null for name in real for null in _outcomes(name, nulls, rows)["better"]}
    if unbeaten := [name for name in nulls if name not in beaten]:
        word = "higher" if rows[0].higher_is_better else "better (lower)"
        who = f"{real[0]} was not" if len(real) == 1 else "No explainer was"
        yield Sentence(
            f"{who} shown to score {word} than {listed(unbeaten)}: an answer that had learnt "
            "nothing from the trained classifier did as well or better, or the study cannot tell.",
            "warning",
            "primary",
            {"unbeaten": unbeaten},
        )


def _below(
    evidence: Evidence, ceilings: Sequence[str], rows: Sequence[Comparison]
) -> Iterator[Sentence]:
    """Say how far the best explainer is below each ceiling."""
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
        shown = numbers(nearest, evidence.study.statistics)
        word = {"better": "shown to be above it", "worse": "shown to be below it"}.get(
            nearest.outcome, "with no difference shown"
        )
        if nearest.outcome == "equivalent":
            word = f"equivalent within ±{evidence.study.statistics['margin']:g}"
        yield Sentence(
            f"The explainer nearest to the ceiling {ceiling} is {nearest.first}, {word}: "
            f"{title_of(nearest.metric)} difference {shown}.",
            nearest.outcome,
            "primary",
            facts(nearest),
        )
