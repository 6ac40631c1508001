"""The main result, as the first table of a paper: one table per classifier."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from fidelity.analysis.localization import (
    NO_CLASSIFIER,
    classifiers_in,
    keep_test_split,
    of_classifier,
    pooled_classes,
    primary_setting,
)
from fidelity.explainers.registry import explains
from fidelity.metrics.registry import METRICS, title_of
from fidelity.presentation import titles
from fidelity.presentation.wording import (
    ABSENT,
    confidence,
    counted,
    digits_of,
    listed,
    metric_title,
    number,
    p_cell,
    unit_note,
    with_interval,
)
from fidelity.tables.layout import Table, by_family, conclusion_cell, interval_cell, lay_out
from fidelity.tables.localization import spreads
from fidelity.tables.quality import quality_note
from fidelity.tables.results import Results
from fidelity.verdict.compared_pair import Comparison, between, read_rows

# The second metric: the first of these that is not the primary one.
SECOND = ("dice", "iou")
KINDS = {"": "Explainers", "baseline": "Null baselines", "ceiling": "Ceilings"}
REFERENCE = "(this row)"
NOT_DRAWN = "not drawn"
# What a comparison states about its first explainer.
CONCLUSIONS = {
    "first_higher": "higher",
    "second_higher": "lower",
    "equivalent": "equivalent",
    "none_shown": "no difference shown",
}


def main_tables(results: Results) -> list[Table]:
    """Lay out the primary metric in the primary setting, all classes together.

    Returns:
        A table per classifier, of at most eight columns. They are n, the primary metric with its
        interval, a second metric, a difference with interval and p, and the conclusion. The
        difference is to the strongest null baseline or, without one, to the first explainer.
    """
    statistics = results.settings["statistics"]
    shown = primary_setting(keep_test_split(results.localization), statistics)
    spread = spreads(results, shown) if len(shown) else {}
    return [
        _table(pooled_classes(of_classifier(shown, classifier)), classifier, results, spread)
        for classifier in classifiers_in(shown)
    ]


def _table(
    block: pd.DataFrame,
    classifier: str,
    results: Results,
    spread: Mapping[tuple[str, str, str], str],
) -> Table:
    statistics, families = results.settings["statistics"], results.settings["families"]
    metric = statistics["primary"]
    first = block.iloc[0]
    means = block[block["metric"] == metric].set_index("explainer")
    names = by_family(list(means.index), families)
    reference, why = _reference(names, means["mean"], families, METRICS[metric].direction)
    compared = keep_test_split(results.comparisons)
    compared = compared[
        (compared["family"] == "primary")
        & (compared["classifier"] == classifier)
        & (compared["class"] == first["class"])
    ]
    pairs = list(read_rows(compared))
    second = next((m for m in SECOND if m != metric and (block["metric"] == m).any()), None)
    others = block[block["metric"] == second].set_index("explainer")["mean"]
    between = {name: spread.get((classifier, name, first["class"])) for name in names}
    digits, alpha = digits_of(metric), statistics["alpha"]

    columns: dict[str, Callable[[str], str]] = {
        "Method": titles.plain_title,  # headings already name the kinds
        "n": lambda name: str(int(means["n"][name] - means["n_undefined"][name])),
        metric_title(metric): lambda name: interval_cell(means.loc[name], metric, decide=0),
    }
    if second:
        places = digits_of(second)
        columns[metric_title(second)] = lambda name: number(others.get(name, np.nan), places)
    if any(between.values()):
        columns["SD over seeds"] = lambda name: between[name] or ABSENT
    against = f"Difference from {titles.plain_title(reference)}"
    header = [*columns, *([against, "p (Holm)", "Conclusion"] if pairs else [])]

    def cells(name: str) -> list[str]:
        found = [cell(name) for cell in columns.values()]
        if pairs:
            found += _against(pairs, name, reference, digits, alpha, classifier in results.useless)
        return found

    kinds = {_kind(name, families) for name in names}
    rows: list[list[str]] = []
    headings = {}
    for kind, part in groupby(names, lambda name: _kind(name, families)):
        headings[len(rows)] = KINDS[kind]
        rows += map(cells, part)
    return lay_out(
        "main",
        header,
        rows,
        len(header) - 1,
        headings,
        section="main",
        file="main" if classifier == NO_CLASSIFIER else f"main-{classifier}",
        classifiers=[classifier],
        metric=title_of(metric),
        classifier=titles.classifier_title(classifier),
        has_classifier=classifier != NO_CLASSIFIER,
        dataset=titles.dataset_title(first["dataset"]),
        split=first["split"],
        cls=first["class"],
        binarization=titles.binarization_title(first["binarization"]),
        interval=confidence(statistics),
        statistics=statistics,
        unit=unit_note(results.unit),
        patients=_patients(means["n_patients"]) if results.unit == "patient" else "",
        pairs=bool(pairs),
        averaged=next((pair.unit for pair in pairs if pair.n > pair.n_units), ""),
        share=METRICS[metric].unit == "1",
        lower=METRICS[metric].direction == "lower",
        infinite=bool(np.isinf(means["mean"]).any()),
        reference=titles.plain_title(reference),
        why=why,
        second=title_of(second) if second else "",
        empty=listed(
            [
                f"{titles.explainer_title(row.Index)} ({row.n_empty_prediction} of {row.n})"
                for row in means.loc[names].itertuples()
                if row.n_empty_prediction
            ]
        ),
        quality=quality_note(results.quality, first["dataset"], [classifier]),
        nulls="baseline" in kinds,
        ceilings="ceiling" in kinds,
    )


def _patients(counts: pd.Series) -> str:
    """Write how many patients the methods have; a second reader may have read only some."""
    fewest, most = int(counts.min()), int(counts.max())
    return counted(most, "patient") if fewest == most else f"{fewest} to {most} patients"


def _kind(explainer: str, families: Mapping[str, str]) -> str:
    family = families.get(explainer, "")
    return "" if explains(family) else family


def _reference(
    names: list[str], means: pd.Series, families: Mapping[str, str], direction: str
) -> tuple[str, str]:
    """Choose what the others are compared with, and return its kind: `null` or `explainer`."""
    nulls = [name for name in names if families.get(name) == "baseline"]
    if not nulls:
        return names[0], "explainer"
    best = min if direction == "lower" else max
    # A null baseline without any value is the reference only if no other one has a value.
    known = [name for name in nulls if not np.isnan(means[name])]
    return best(known or nulls, key=lambda name: means[name]), "null"


def _against(
    pairs: Sequence[Comparison],
    name: str,
    reference: str,
    digits: int,
    alpha: float,
    useless: bool,
) -> list[str]:
    """Write the difference to the reference, its p, and the conclusion."""
    if name == reference:
        return [REFERENCE, ABSENT, ABSENT]
    found = between(pairs, name, reference)
    if not found:
        return [ABSENT, ABSENT, ABSENT]
    pair = found[-1]
    return [
        with_interval(pair.difference, pair.low, pair.high, digits, sign=True),
        p_cell(pair.p_adjusted, alpha),
        conclusion_cell(pair.difference, NOT_DRAWN if useless else CONCLUSIONS[pair.conclusion]),
    ]
