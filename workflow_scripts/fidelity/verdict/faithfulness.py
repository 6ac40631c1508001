"""Does the classifier use what the maps show? Sentences from the comparisons of faithfulness."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from fidelity.analysis.localization import ALL_CLASSES
from fidelity.faithfulness.registry import METRICS
from fidelity.presentation.faithfulness import explained
from fidelity.presentation.titles import explainer_title, plain_title
from fidelity.presentation.wording import counted, listed, some_of
from fidelity.verdict.caveats import primary_means
from fidelity.verdict.compared_pair import Comparison, cannot_show, metric_by_metric
from fidelity.verdict.evidence import Evidence
from fidelity.verdict.structure import Group, Outcome, Section, Sentence, note, warning

QUESTION = "Does the classifier use what the maps show?"
INTRO = (
    "Faithfulness measures how the classifier's output changes if the pixels that a map marks are "
    "removed, or if only these remain. A map may point at the disease although the classifier uses "
    "something else: then it is not faithful. A faithful map may miss the disease, because the "
    "classifier uses something else. These comparisons are secondary: the study's answer does not "
    "rest on them."
)


def uses_what_they_show(evidence: Evidence) -> Section:
    """State which explainers were shown to be more faithful than others, over all classes first."""
    if evidence.tables.faithfulness is None:
        nothing = "Faithfulness was not measured (faithfulness.metrics in the config)."
        return Section(QUESTION, [Group("", [note(nothing)])])
    groups: list[Group] = []
    if told := [*_empty_masks(evidence), *_powerless(evidence)]:
        groups.append(Group("What they rest on", told))
    # All classes together come first, if there are several classes.
    classes = dict.fromkeys(row.cls for row in evidence.faithfulness)
    for cls in sorted(classes, key=lambda name: name != ALL_CLASSES):
        rows = [row for row in evidence.faithfulness if row.cls == cls]
        scope = "all classes" if cls == ALL_CLASSES else f"class {cls}"
        for title, sentences in (
            ("Against the null baselines", _against_nulls(evidence, rows)),
            ("Between explainers", _between(evidence, rows)),
        ):
            if told := list(sentences):
                groups.append(Group(f"{title}, {scope}", told))
    nothing = note("No two explainers can be compared.")
    measured = dict.fromkeys(row.metric for row in evidence.faithfulness)
    intro = f"{INTRO} {explained(measured)}".strip()
    return Section(QUESTION, groups or [Group("", [nothing])], intro)


def _empty_masks(evidence: Evidence) -> Iterator[Sentence]:
    """Warn of masks that remove nothing, if a metric is measured with masks."""
    measured = {row.metric for row in evidence.faithfulness}
    if not any(METRICS[name].needs_mask for name in measured):
        return
    rows = primary_means(evidence)
    some = rows[rows["n_empty_prediction"] > 0]["n_empty_prediction"]
    if len(some):
        parts = [f"{explainer_title(name)} {int(count)}" for name, count in some.items()]
        yield warning(
            "An empty mask removes no pixel and keeps none, so its comprehensiveness is 0. Empty "
            f"masks are included: {listed(parts)} of {int(rows['n'].max())} cases. Masks also "
            "differ in size (mask_share in faithfulness_cases.csv).",
            n_empty_prediction={name: int(count) for name, count in some.items()},
        )


def _powerless(evidence: Evidence) -> Iterator[Sentence]:
    """Warn of metrics with so few units that no test can reach significance."""
    rows = evidence.faithfulness
    if any(row.cls == ALL_CLASSES for row in rows):
        rows = [row for row in rows if row.cls == ALL_CLASSES]
    by_metric = attrgetter("metric")
    for metric, group in groupby(sorted(rows, key=by_metric), key=by_metric):
        part = list(group)
        units = max(row.n_units for row in part)
        if cannot_show(units, len(part), evidence.study.statistics["alpha"]):
            yield warning(
                f"{METRICS[metric].title} was measured on {counted(units, part[0].unit)}. With "
                f"{counted(len(part), 'pair')} to correct for, hardly any test can reach "
                "significance. “No difference was shown” then means nothing.",
                metric=metric,
                n_units=units,
            )


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
    ahead, behind, neither = [], [], []
    for metric, found in by_metric.items():
        total, title = sum(map(len, found.values())), METRICS[metric].title
        if better := found.get("better"):
            ahead.append(f"{_share(better, total)} by {title}")
        if worse := found.get("worse"):
            behind.append(f"{_share(worse, total)} by {title}")
        if not better and not worse:
            neither.append(f"by {title}")
    parts = []
    if ahead:
        parts.append(f"was shown to be more faithful than {listed(ahead)}")
    if behind:
        parts.append(f"was shown to be less faithful than {listed(behind)}")
    if neither:
        parts.append(f"was not shown to differ from any null baseline {listed(neither, 'or')}")
    outcome: Outcome = "note" if ahead and behind else "none_shown"
    if ahead and not behind:
        outcome = "better"
    elif behind and not ahead:
        outcome = "worse"
    told = {"explainer": name, "against": by_metric}
    text = f"{explainer_title(name)} {'; it '.join(parts)}."
    less = {null for found in by_metric.values() for null in found.get("worse", ())}
    more = dict.fromkeys(null for found in by_metric.values() for null in found.get("better", ()))
    if both := [plain_title(null) for null in more if null in less]:
        text += f" So the metrics disagree about {listed(both)}."
    return Sentence(text, outcome, "secondary", told)


def _share(names: list[str], total: int) -> str:
    """State how many of the null baselines these are, and which ones."""
    return f"{some_of(len(names), total, 'null baseline')} ({listed(map(plain_title, names))})"


def _between(evidence: Evidence, rows: list[Comparison]) -> Iterator[Sentence]:
    pairs: dict[tuple[str, str], list[Comparison]] = {}
    for row in rows:
        if {row.first, row.second} <= set(evidence.real):
            pairs.setdefault((row.first, row.second), []).append(row)
    for part in pairs.values():
        yield from metric_by_metric(
            part,
            evidence.study.statistics,
            lambda name: METRICS[name].title,
            {"better": "more faithful", "worse": "less faithful"},
            units=True,
        )
