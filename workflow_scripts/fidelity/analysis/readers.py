"""Compare readers with each other, and explainers with each reader who is left out."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from fidelity.analysis.checks.case_means import case_means
from fidelity.analysis.columns.readers import AGREEMENT, READERS
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    class_groups,
    intervals_of,
    localization_values,
    split_class_parts,
    unit_of,
)
from fidelity.datasets.readers.names import ALL
from fidelity.metrics.registry import METRICS

# With fewer units of analysis, no conclusion is drawn: their intervals are too narrow.
FEWEST_UNITS = 20
OVERLAPS = ("iou", "dice")
_KEY = ["case", "class", "reader"]


def agreement(pairs: pd.DataFrame, dataset: str, statistics: Mapping[str, Any]) -> pd.DataFrame:
    """Average how far every two readers agree.

    Returns:
        The table reader_agreement.csv: per split, class and pair, and over all pairs (the mean of a
        case's pairs). `n` counts cases that both have read. Where neither reader marked anything,
        the overlap is undefined, and the case does not enter the mean.
    """
    rows = []
    for split, cls, of_class in split_class_parts(pairs, class_groups(pairs)):
        named = list(of_class.groupby(["reader_a", "reader_b"], sort=True))
        if len(named) > 1:
            keys = ["case", "patient", "class"]
            marks = ["marked_a", "marked_b"]
            mean = of_class.groupby(keys, as_index=False)[list(OVERLAPS)].mean()
            any_mark = of_class.groupby(keys, as_index=False)[marks].any()
            named.append(((ALL, ALL), mean.merge(any_mark, on=keys)))
        for (a, b), of_pair in named:
            means = case_means(of_pair, OVERLAPS, statistics)
            rows += [
                {
                    "dataset": dataset,
                    "split": split,
                    "class": cls,
                    "reader_a": a,
                    "reader_b": b,
                    "metric": metric,
                    "n_marked_a": int(of_pair["marked_a"].sum()),
                    "n_marked_b": int(of_pair["marked_b"].sum()),
                    **means[metric],
                }
                for metric in OVERLAPS
            ]
    return AGREEMENT.frame(rows)


def beside_readers(
    explainers: Iterable[tuple[Mapping[str, str], pd.DataFrame]],
    readers: pd.DataFrame,
    metric: str,
    statistics: Mapping[str, Any],
) -> pd.DataFrame:
    """Compare each explainer with a left-out reader, both against what the other readers agree on.

    Args:
        explainers: names of a combination, and its rows of reader_scores.parquet.
        readers: rows of reader_scores.parquet of the readers themselves.

    Returns:
        The table readers.csv, over the cases where both have a value. Under the reader `all`, a
        case's values are means over the readers who are left out. The `conclusion` is

        - "few_cases" with fewer than FEWEST_UNITS patients (or cases, by `cluster`),
        - "within" if the whole interval of the difference is above −margin: the explainer is not
          worse than a reader,
        - "below" if the whole interval is below 0,
        - "none_shown" otherwise.

        The margin applies to metrics from 0 to 1; for others it is 0. Where lower values of a
        metric are better, the sign of the difference is changed first.
    """
    rows = []
    theirs = _values(readers, metric)
    for names, scores in explainers:
        both = _values(scores, metric).merge(
            theirs[[*_KEY, "value"]], on=_KEY, suffixes=("", "_reader")
        )
        both = both.dropna(subset=["value", "value_reader"])
        for split, cls, of_class in split_class_parts(both, class_groups(both)):
            parts = list(of_class.groupby("reader", sort=True))
            if len(parts) > 1:
                keys = ["case", "patient", "class"]
                parts.append((ALL, of_class.drop(columns="reader").groupby(keys, as_index=False)[
                    ["value", "value_reader"]].mean()))  # fmt: skip
            rows += [
                {
                    **names,
                    "split": split,
                    "class": cls,
                    "metric": metric,
                    "direction": METRICS[metric].direction,
                    "reader": reader,
                    **_beside(part, metric, statistics),
                }
                for reader, part in parts
            ]
    return READERS.frame(rows)


def _values(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the values to average, by case, class and reader."""
    (column,) = localization_values(scores.assign(protocol=DEFAULT_PROTOCOL), [metric]).T
    return scores[["case", "patient", "split", "class", "reader"]].assign(value=column)


def _beside(part: pd.DataFrame, metric: str, statistics: Mapping[str, Any]) -> dict[str, Any]:
    columns = [part["value"], part["value_reader"], part["value"] - part["value_reader"]]
    own, theirs, difference = intervals_of(
        pd.concat(columns, axis=1).to_numpy(dtype=float), part, statistics
    )
    # How much better the explainer is than the reader.
    low, high = difference.low, difference.high
    if METRICS[metric].direction == "lower":
        low, high = -high, -low
    margin = statistics["margin"] if unit_of(metric) == "1" else 0.0
    return {
        "n": len(part),
        "n_patients": part["patient"].nunique(),
        "mean": own.mean,
        "ci_low": own.low,
        "ci_high": own.high,
        "reader_mean": theirs.mean,
        "reader_low": theirs.low,
        "reader_high": theirs.high,
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "conclusion": "few_cases"
        if part[statistics["cluster"]].nunique() < FEWEST_UNITS
        else "within"
        if low > -margin
        else "below"
        if high < 0
        else "none_shown",
    }
