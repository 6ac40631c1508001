"""Is an explainer within human disagreement? Sentences from its comparison with readers."""

from typing import Any, NamedTuple

from fidelity.analysis.localization import ALL_CLASSES, keep_test_split, unit_of
from fidelity.analysis.readers import FEWEST_UNITS
from fidelity.datasets.readers.names import ALL
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import amount, confidence, counted, set_value, titled_value
from fidelity.verdict.evidence import Evidence, rows_of
from fidelity.verdict.structure import Group, Outcome, Section, Sentence, note

INTRO = (
    "Each reader is left out in turn; explainer and reader are both scored against what the other "
    "readers agree on (readers.csv). Secondary: the intervals are not corrected for several "
    "explainers."
)
OUTCOMES: dict[str, Outcome] = {
    "within": "equivalent",
    "below": "worse",
    "none_shown": "none_shown",
    "few_cases": "note",
}


def within_disagreement(evidence: Evidence) -> Section:
    """State for each explainer of the classifier whether it is within human disagreement."""
    rows = rows_of(keep_test_split(evidence.tables.readers), evidence.dataset, evidence.classifier)
    rows = rows[rows["explainer"].isin(evidence.real)]
    groups = []
    for cls, of_class in sorted(rows.groupby("class"), key=lambda part: part[0] != ALL_CLASSES):
        told = []
        for explainer in evidence.real:
            own = of_class[of_class["explainer"] == explainer]
            # With two readers, each is compared with the other; a single pair has no mean.
            pooled = own[own["reader"] == ALL] if (own["reader"] == ALL).any() else own
            told += [_sentence(row, evidence) for row in pooled.itertuples()]
        title = "All classes" if cls == ALL_CLASSES else f"Class {cls}"
        groups.append(Group(title, told))
    nothing = note("No case was read by two readers or more.")
    title = "Is an explainer within human disagreement?"
    return Section(title, groups or [Group("", [nothing])], INTRO)


def _sentence(row: NamedTuple, evidence: Evidence) -> Sentence:
    name, metric = explainer_title(row.explainer), row.metric
    statistics = evidence.study.statistics
    # For metrics other than shares, the margin is 0.
    margin = f" by more than the margin of {set_value(statistics['margin'])}"
    margin = margin if unit_of(metric) == "1" else ""
    reader = "a reader" if row.reader == ALL else f"the reader {row.reader}"
    ends = row.difference, row.difference_low, row.difference_high
    values = (
        f"{titled_value(metric, row.mean)}, {reader} {titled_value(metric, row.reader_mean)}; "
        f"difference {amount(metric, ends[0], *ends)}, {confidence(statistics)} "
        f"{amount(metric, ends[1], *ends)} to {amount(metric, ends[2], *ends)}; "
        f"{counted(int(row.n), 'case')}"
    )
    said = {
        "within": f"{name} is within human disagreement: no worse than {reader}{margin}",
        "below": f"{name} is below human agreement: it agrees with the other readers less than"
        f" {reader} does",
        "none_shown": f"It is not shown whether {name} is within human disagreement",
        "few_cases": f"There are fewer than {FEWEST_UNITS} {evidence.unit}s, so nothing is"
        f" concluded about {name} and readers",
    }[row.conclusion]
    keys = ("explainer", "reader", "metric", "n", "mean", "reader_mean", "conclusion")
    facts: dict[str, Any] = {key: getattr(row, key) for key in keys}
    facts |= dict(zip(("difference", "ci_low", "ci_high"), ends, strict=True))
    return Sentence(f"{said} ({values}).", OUTCOMES[row.conclusion], "secondary", facts)
