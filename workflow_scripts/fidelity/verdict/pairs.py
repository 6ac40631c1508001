"""Which explainers beat others, null baselines and ceilings: every pair, class by class."""

from collections.abc import Iterator, Sequence

from fidelity.presentation.titles import classifier_title
from fidelity.presentation.wording import CEILING, listed
from fidelity.verdict.compared_pair import Comparison, sentence
from fidelity.verdict.evidence import Evidence
from fidelity.verdict.structure import Group, Section, note


def without_primary(evidence: Evidence) -> str:
    """State why there is no primary comparison, although explainers were scored."""
    if "test" not in evidence.splits:
        return (
            f"only the split {listed(evidence.splits)} was explained, and thresholds and "
            "classifiers may have been chosen on it. Primary comparisons need the split test: add "
            "it to explain.splits. Secondary comparisons are in comparisons.csv"
        )
    return "there is no primary comparison"


def beats_others(evidence: Evidence) -> Section:
    """Answer for every pair of explainers, class by class; the better one is named first."""

    def pairs(rows: Sequence[Comparison]) -> Iterator[Comparison]:
        for row in rows:
            if {row.first, row.second} <= set(evidence.subjects):
                yield row.turned() if row.outcome == "worse" else row

    title = (
        "Does one explainer localize better than another?"
        if evidence.real
        else "How do null baselines and ceilings compare?"
    )
    return Section(title, _by_class(evidence, pairs, _without_pairs(evidence)))


def _without_pairs(evidence: Evidence) -> str:
    """State why no two explainers can be compared."""
    if len(evidence.real) == 1 and evidence.concludes:
        return "There is only one explainer, so no pair can be compared."
    if len(evidence.real) == 1:
        others = f"the explainers of {classifier_title(evidence.classifier)}"
        return f"Without {others}, there is only one explainer. So no pair can be compared."
    if evidence.real and not any(map(evidence.primary, evidence.classes)):
        return f"This question cannot be answered: {without_primary(evidence)}."
    return "No two explainers can be compared."


def beats_nulls(evidence: Evidence) -> Section:
    """Answer for every explainer and null baseline, class by class."""
    return Section(
        "Does an explainer beat the null baselines?",
        _against(
            evidence, "baseline", "No null baseline was run: this question cannot be answered."
        ),
        "A null baseline ignores the trained classifier. An explainer that is not shown to beat "
        "every null baseline has not been shown to point at the disease.",
    )


def below_ceilings(evidence: Evidence) -> Section:
    """State how far every explainer is from the ceilings, class by class."""
    return Section(
        "How far are explainers below the ceilings?",
        _against(evidence, "ceiling", "No ceiling (U-Net, second reader) was run."),
        CEILING,
    )


def _by_class(evidence: Evidence, choose, nothing: str) -> list[Group]:
    groups = []
    # All classes together come first.
    for cls in sorted(evidence.classes, key=lambda name: name != evidence.pooled):
        told = [sentence(row, evidence.study.statistics) for row in choose(evidence.primary(cls))]
        if told:
            groups.append(Group(f"Class {cls}" if cls != "all" else "All classes", told))
    return groups or [Group("", [note(nothing)])]


def _against(evidence: Evidence, family: str, nothing: str) -> list[Group]:
    others = set(evidence.of_family(family))
    if others and evidence.real and not any(map(evidence.primary, evidence.classes)):
        nothing = f"This question cannot be answered: {without_primary(evidence)}."

    def pairs(rows: Sequence[Comparison]) -> Iterator[Comparison]:
        for name in evidence.real:
            for row in rows:
                if name in (row.first, row.second) and others & {row.first, row.second}:
                    yield row.seen_from(name)

    return _by_class(evidence, pairs, nothing)
