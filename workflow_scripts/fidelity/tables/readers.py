"""Readers beside each other, and explainers beside readers, as tables."""

from collections.abc import Mapping

import pandas as pd

from fidelity.analysis.localization import pooled_classes
from fidelity.datasets.readers.names import ALL
from fidelity.presentation import titles
from fidelity.presentation.wording import (
    class_title,
    digits_of,
    family_title,
    metric_title,
    with_interval,
)
from fidelity.tables.layout import Table, by_family, described

METRIC_TITLES = {"iou": "IoU", "dice": "Dice"}
CONCLUSIONS = {
    "within": "within",
    "below": "below",
    "none_shown": "not shown",
    "few_cases": "too few cases",
}


def agreement_tables(agreement: pd.DataFrame, families: Mapping[str, str]) -> list[Table]:
    """Lay out how far every two readers agree, class by class: one row per pair."""
    del families
    rows: list[list[str]] = []
    headings: dict[int, str] = {}
    for cls, of_class in agreement.groupby("class", sort=False):
        headings[len(rows)] = class_title(str(cls))
        for (a, b), pair in of_class.groupby(["reader_a", "reader_b"], sort=False):
            first = pair.iloc[0]
            counts = ("n", "n_marked_a", "n_marked_b", "n_undefined")
            means = {
                row.metric: with_interval(row.mean, row.ci_low, row.ci_high, digits_of(row.metric))
                for row in pair.itertuples()
            }
            rows.append(
                [
                    "All pairs" if a == ALL else f"{a} and {b}",
                    *(str(int(first[name])) for name in counts),
                    *(means[name] for name in METRIC_TITLES),
                ]
            )
    title, notes = described("reader_agreement", where=_where(agreement))
    header = ["Readers", "n", "Marked by the first", "Marked by the second", "Marked by neither"]
    header += METRIC_TITLES.values()
    return [
        Table(title, header, rows, len(header) - 1, headings, notes, "quality", "reader-agreement")
    ]


def reader_tables(readers: pd.DataFrame, families: Mapping[str, str]) -> list[Table]:
    """Lay out explainers beside the reader who is left out: one row per explainer and reader."""
    pooled = pooled_classes(readers)
    metric = pooled["metric"].iloc[0]
    digits = digits_of(metric)
    rows: list[list[str]] = []
    headings: dict[int, str] = {}
    for classifier, of_classifier in pooled.groupby("classifier", sort=False):
        headings[len(rows)] = ""
        groups = dict(list(of_classifier.groupby("explainer", sort=False)))
        for explainer in by_family(list(groups), families):
            # Their mean first, then each of them.
            for row in sorted(groups[explainer].itertuples(), key=lambda r: r.reader != ALL):
                rows.append(
                    [
                        titles.classifier_title(classifier),
                        titles.explainer_title(explainer),
                        family_title(explainer, families),
                        "all" if row.reader == ALL else row.reader,
                        str(int(row.n)),
                        with_interval(row.mean, row.ci_low, row.ci_high, digits),
                        with_interval(row.reader_mean, row.reader_low, row.reader_high, digits),
                        with_interval(
                            row.difference, row.difference_low, row.difference_high, digits
                        ),
                        CONCLUSIONS[row.conclusion],
                    ]
                )
    title, notes = described("readers", where=_where(readers), metric=metric_title(metric))
    header = ["Classifier", "Explainer", "Family", "Reader left out", "n", "Score of the explainer"]
    header += ["Score of the reader", "Difference", "Human disagreement"]
    return [
        Table(
            title, header, rows, 5, headings, notes, "checks", "readers",
            frozenset(pooled["classifier"]),
        )
    ]  # fmt: skip


def _where(table: pd.DataFrame) -> str:
    return f"{titles.dataset_title(table['dataset'].iloc[0])}, {table['split'].iloc[0]} split"
