"""Tables of the agreement between readers, and of explainers compared with readers."""

from collections.abc import Mapping

import pandas as pd

from fidelity.analysis.localization import direction_of, pooled_classes
from fidelity.analysis.readers import OVERLAPS
from fidelity.datasets.readers.names import ALL
from fidelity.metrics.registry import title_of
from fidelity.presentation import titles
from fidelity.presentation.wording import class_title, metric_title
from fidelity.tables.layout import Table, by_explainer, interval_cell, lay_out, place_of

CONCLUSIONS = {
    "within": "within",
    "below": "below",
    "none_shown": "not shown",
    "few_cases": "too few",
}
# Columns of a value and its interval: of the explainer, of the reader, of their difference.
COMPARED = (
    ("mean", "ci_low", "ci_high"),
    ("reader_mean", "reader_low", "reader_high"),
    ("difference", "difference_low", "difference_high"),
)


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
                row["metric"]: interval_cell(row, row["metric"], decide=0)
                for row in pair.to_dict("records")
            }
            rows.append(
                [
                    "All pairs" if a == ALL else f"{a} and {b}",
                    *(str(int(first[name])) for name in counts),
                    *(means[name] for name in OVERLAPS),
                ]
            )
    header = ["Readers", "n", "Marked by the first", "Marked by the second", "Marked by neither"]
    header += map(title_of, OVERLAPS)
    where = place_of(agreement.drop(columns="class"))
    names = {"section": "quality", "file": "reader-agreement"}
    return [lay_out("reader_agreement", header, rows, 6, headings, **names, where=where)]


def reader_tables(readers: pd.DataFrame, families: Mapping[str, str]) -> list[Table]:
    """Lay out explainers against the left-out reader: one row per explainer and reader."""
    pooled = pooled_classes(readers)
    metric = pooled["metric"].iloc[0]
    rows: list[list[str]] = []
    headings: dict[int, str] = {}
    for classifier, of_classifier in pooled.groupby("classifier", sort=False):
        headings[len(rows)] = ""
        for who, own in by_explainer(of_classifier, families):
            # The mean over readers first, then each reader.
            for row in sorted(own.to_dict("records"), key=lambda row: row["reader"] != ALL):
                rows.append(
                    [
                        titles.classifier_title(classifier),
                        *who,
                        "all" if row["reader"] == ALL else row["reader"],
                        str(int(row["n"])),
                        *(interval_cell(row, metric, ends, decide=0) for ends in COMPARED),
                        CONCLUSIONS[row["conclusion"]],
                    ]
                )
    header = ["Classifier", "Method", "Family", "Reader left out", "n", "Score of the method"]
    header += ["Score of the reader", "Difference", "Human disagreement"]
    told = {"where": place_of(readers.drop(columns="class")), "metric": metric_title(metric)}
    told["lower"] = direction_of(metric) == "lower"
    names = {"file": "readers", "classifiers": pooled["classifier"]}
    return [lay_out("readers", header, rows, 5, headings, **names, **told)]
