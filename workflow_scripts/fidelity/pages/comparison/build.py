"""The page of a comparison: how the scores of two studies differ, and how the studies differ."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_BINARIZATION,
    pooled_classes,
)
from fidelity.figures.shared import style
from fidelity.metrics.registry import METRICS, title_of
from fidelity.pages.comparison import figure
from fidelity.pages.comparison.finished import Finished
from fidelity.pages.comparison.joined import Joined, judged, primary_rows
from fidelity.pages.comparison.scores import Alone
from fidelity.pages.study_page.pictures import as_svg
from fidelity.presentation import titles
from fidelity.presentation.page import render
from fidelity.presentation.wording import (
    ABSENT,
    amount,
    class_title,
    confidence,
    counted,
    digits_of,
    listed,
    metric_title,
    p_cell,
    p_value,
    titled_value,
    unit_note,
    value_of,
    with_interval,
)
from fidelity.study.paths import NONE
from fidelity.tables.inference import CONCLUSIONS
from fidelity.tables.layout import Table, lay_out

# Parts of the table DIFFERING, in the order of the page: title of a group → part → its title.
GROUPS = {
    "Settings, data, classifiers and code": {
        "config": "Settings",
        "inputs": "Data",
        "classifiers": "Classifiers",
        "seeds": "Seeds",
        "code": "Code",
        "accepted": "Results that make accept has kept",
    },
    "Packages and machine": {"environment": "Packages and system", "hardware": "Machine"},
}
# Outcome for an explainer → the verdict's sign for it, and the words that follow a count of such
# explainers.
OUTCOMES = {
    "a": ("better", "better in A"),
    "b": ("worse", "better in B"),
    "equivalent": ("equivalent", "equivalent"),
    "identical": ("equivalent", "identical in each case"),
    "none_shown": ("none_shown", "without a shown difference"),
}


def merged_titles(a: Finished, b: Finished) -> dict[str, Any]:
    """Combine the titles of A with those of B for entries that A does not have."""
    found = dict(b.titles)
    for kind, own in a.titles.items():
        found[kind] = {**found.get(kind, {}), **own} if isinstance(own, dict) else own
    return found


def build(
    joined: Sequence[Joined],
    differing: Mapping[str, pd.DataFrame],
    alone: Sequence[Alone],
    names: Mapping[str, str],
    files: Mapping[str, str],
) -> str:
    """Write the page: one HTML file without scripts or outside resources.

    Args:
        joined: one per data set and pair of classifiers; those of one data set follow each other.
        differing: key of A's data set → the table DIFFERING.
        files: name of a file next to the page → what it contains.
    """
    datasets = []
    for key in dict.fromkeys(one.a.dataset for one in joined):
        own = [one for one in joined if one.a.dataset == key]
        a, b = own[0].a, own[0].b
        with titles.showing(merged_titles(a, b)):
            datasets.append(
                {
                    "title": _title(a, b),
                    "blocks": [_block(one, names) for one in own],
                    "studies": _studies(a, b, names),
                    "differing": [
                        _differing(title, differing[key], parts) for title, parts in GROUPS.items()
                    ],
                    "unrecorded": [one.side for one in (a, b) if "code" not in one.record],
                    "unknown": [one.side for one in (a, b) if one.study is None],
                }
            )
    return render(
        "comparison.html.j2",
        datasets=datasets,
        alone=[_only(one) for one in alone],
        names=names,
        files=files,
    )


def _title(a: Finished, b: Finished) -> str:
    """Name a data set, or two data sets with different names."""
    shown = []
    for one in (a, b):
        with titles.showing(one.titles):
            shown.append(titles.dataset_title(one.dataset))
    return shown[0] if a.dataset == b.dataset else f"{shown[0]} (A) and {shown[1]} (B)"


def _block(joined: Joined, names: Mapping[str, str]) -> dict[str, Any]:
    """Collect what the template shows of a pair of classifiers."""
    rows = primary_rows(joined.rows, joined.statistics)
    metric, rule = joined.statistics["primary"], joined.statistics["primary_binarization"]
    real = [row for row in rows.to_dict("records") if _explains(row["explainer"])]
    outcomes = [_outcome(row) for row in real]
    shown = judged(joined.rows).drop(index=rows.index)
    shown = shown[shown["explainer"].map(_explains)] if real else shown
    near = shown["binarization"].isin([rule, NO_BINARIZATION])
    near &= shown["protocol"] == DEFAULT_PROTOCOL
    folded = {"metrics": pooled_classes(shown[near]), "settings": shown[shown["metric"] == metric]}
    return {
        "title": _classifiers(joined),
        "answer": _answer(real, outcomes),
        "sentences": [
            {"outcome": OUTCOMES[outcome][0], "text": _sentence(row, outcome, joined.statistics)}
            for row, outcome in zip(real, outcomes, strict=True)
        ],
        "splits": joined.splits,
        "split": next(s for s in joined.splits if s.name == rows["split"].iloc[0]),
        "figure": as_svg(figure.plot(rows, names)),
        "main": _table("main", rows, joined),
        "folded": [_table(part, found, joined) for part, found in folded.items() if len(found)],
        "left_out": [_only(one) for one in joined.left_out],
    }


def _only(alone: Alone) -> str:
    """State what only one study has."""
    title = {
        "explainer": titles.explainer_title,
        "binarization": titles.binarization_title,
        "protocol": titles.protocol_title,
    }.get(alone.kind, str)
    return f"Only in {alone.side}, so not compared: {alone.kind} {listed(map(title, alone.keys))}."


def _classifiers(joined: Joined) -> str:
    """Name the classifier of both studies, or one for each; empty in studies without any."""
    shown = []
    for one, key in zip((joined.a, joined.b), joined.classifiers, strict=True):
        with titles.showing(one.titles):
            shown.append("no classifier" if key == NONE else titles.classifier_title(key))
    if shown[0] == shown[1]:
        return "" if joined.classifiers == (NONE, NONE) else shown[0]
    return f"{shown[0]} (A) and {shown[1]} (B)"


def _explains(explainer: str) -> bool:
    return style.kind_of(explainer) == "real"


def _outcome(row: Mapping[str, Any]) -> str:
    """Decide in which study an explainer is better: a key of OUTCOMES."""
    if row["n_different"] == 0:
        return "identical"
    if row["conclusion"] in ("a_higher", "b_higher"):
        lower_is_better = METRICS[row["metric"]].direction == "lower"
        return "a" if (row["conclusion"] == "a_higher") != lower_is_better else "b"
    return row["conclusion"]


def _answer(rows: Sequence[Mapping[str, Any]], outcomes: Sequence[str]) -> str:
    """Summarize the outcomes of all explainers."""
    if not rows:
        return "The studies share null baselines and ceilings, but no explainer of a classifier."
    counts = Counter(outcomes)
    told = [f"{counts[key]} {words}" for key, (_, words) in OUTCOMES.items() if counts[key]]
    metric = rows[0]["metric"]
    text = f"{title_of(metric)} of {counted(len(rows), 'explainer')}: {listed(told)}."
    if len(rows) == 1:
        return text
    best = min if METRICS[metric].direction == "lower" else max
    first, second = (
        titles.explainer_title(best(rows, key=lambda row: row[side])["explainer"])
        for side in ("mean_a", "mean_b")
    )
    where = f"{first} in both" if first == second else f"{first} in A, {second} in B"
    return f"{text} Best mean: {where}."


def _sentence(row: Mapping[str, Any], outcome: str, statistics: Mapping[str, Any]) -> str:
    """State the outcome of an explainer, with numbers."""
    metric, difference = row["metric"], row["mean_difference"]
    who, what = titles.explainer_title(row["explainer"]), title_of(metric)
    means = [titled_value(metric, row[side], row["mean_a"]) for side in ("mean_a", "mean_b")]
    if outcome == "identical":
        return f"{who} has the same {what} on each case: mean {means[0]}."
    begin = {
        "a": f"{who} is better in A than in B",
        "b": f"{who} is better in B than in A",
        "equivalent": f"{who} is equivalent in A and B",
        "none_shown": f"For {who}, no difference was shown",
    }[outcome]
    low, high = (value_of(metric, row[end], difference) for end in ("ci_low", "ci_high"))
    return (
        f"{begin}: mean {what} {means[0]} in A, {means[1]} in B (difference "
        f"{amount(metric, difference)}, {confidence(statistics)} {low} to {high}, "
        f"p {p_value(row['p_adjusted'], statistics['alpha'])})."
    )


def _table(part: str, rows: pd.DataFrame, joined: Joined) -> Table:
    """Lay out rows of COMPARED, with a heading per metric, class and setting."""
    cells: list[list[str]] = []
    headings: dict[int, str] = {}
    keys = {
        "main": [],
        "metrics": ["metric"],
        "settings": ["binarization", "protocol", "class"],
    }[part]
    for _, block in rows.groupby(keys, sort=False) if keys else [("", rows)]:
        first = block.iloc[0]
        headings[len(cells)] = {
            "main": "",
            "metrics": metric_title(first["metric"]),
            "settings": ", ".join(
                [
                    titles.binarization_title(first["binarization"]),
                    f"protocol {titles.protocol_title(first['protocol'])}",
                    class_title(first["class"]),
                ]
            ),
        }[part]
        in_order = block.set_index("explainer", drop=False).loc[
            titles.ordered(list(block["explainer"]))
        ]
        alpha = joined.statistics["alpha"]
        cells += [_cells(row, alpha) for row in in_order.to_dict("records")]
    first = rows.iloc[0]
    paired = first["design"] == "paired"
    size = "n" if first["unit_of_analysis"] == "image" else "n (patients)"
    header = [
        "Method",
        "A",
        "B",
        "A − B",
        size,
        f"p ({'Wilcoxon' if paired else 'Mann-Whitney'})",
    ]
    return lay_out(
        "study_comparison",
        [*header, "Conclusion"],
        cells,
        6,
        headings,
        part=part,
        metric=title_of(joined.statistics["primary"]),
        split=first["split"],
        binarization=titles.binarization_title(joined.statistics["primary_binarization"]),
        paired=paired,
        unit=unit_note(first["unit_of_analysis"]),
        interval=confidence(joined.statistics),
        statistics=joined.statistics,
    )


def _cells(row: Mapping[str, Any], alpha: float) -> list[str]:
    values = row["mean_difference"], row["ci_low"], row["ci_high"]
    means = row["mean_a"], row["mean_b"]
    sizes = []
    for side in ("a", "b"):
        cases, patients = row[f"n_{side}"], row[f"n_patients_{side}"]
        in_words = str(cases) if row["unit_of_analysis"] == "image" else f"{cases} ({patients})"
        sizes.append(in_words)
    outcome = _outcome(row)
    return [
        titles.explainer_title(row["explainer"]),
        *(value_of(row["metric"], value, *means) for value in means),
        with_interval(*values, digits_of(row["metric"], *values)),
        sizes[0] if row["design"] == "paired" else " / ".join(sizes),
        p_cell(row["p_adjusted"], alpha),
        "identical" if outcome == "identical" else CONCLUSIONS[row["conclusion"]],
    ]


def _studies(a: Finished, b: Finished, names: Mapping[str, str]) -> Table:
    """Describe A and B: data, classifiers, version."""
    columns = []
    for one in (a, b):
        code = one.record.get("code", {})
        with titles.showing(one.titles):
            columns.append(
                {
                    "Results": names[one.side],
                    "Data set": titles.dataset_title(one.dataset),
                    "Classifiers": listed(map(titles.classifier_title, one.classifiers)),
                    "Version": code.get("version") or ABSENT,
                    "Commit": (code.get("commit") or ABSENT)[:10]
                    + (" with changes" if code.get("dirty") else ""),
                }
            )
    rows = [[what, columns[0][what], columns[1][what]] for what in columns[0]]
    return Table("The two studies", ["", "A", "B"], rows, 0)


def _differing(group: str, rows: pd.DataFrame, parts: Mapping[str, str]) -> Table:
    """Lay out what differs in some parts of the table DIFFERING."""
    cells: list[list[str]] = []
    headings: dict[int, str] = {}
    for part, title in parts.items():
        own = rows[rows["part"] == part]
        if len(own):
            headings[len(cells)] = title
            cells += own[["key", "value_a", "value_b"]].to_numpy().tolist()
    return Table(group, ["What", "A", "B"], cells, 0, headings)
