"""Average scores per case to means with intervals: the table localization.csv."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fidelity.analysis.columns.localization import COMBO, LOCALIZATION, SCORES, WITHIN_DATASET
from fidelity.base.files import read_parquet
from fidelity.metrics.conventions import PROTOCOLS
from fidelity.metrics.registry import METRICS
from fidelity.statistics.resampling import Interval, mean_intervals, order_statistics_intervals

# Column with the metrics that the row's file has: names separated by blanks. Columns of other
# metrics are empty in these rows.
MEASURED = "measured"
# Measured on cases with an empty reference, where localization metrics are undefined.
ON_EMPTY_REFERENCES = {"false_positive_share"}
# Undefined on a data set without any spacing or lung mask; then left out for this data set.
NEEDS_SPACING = "mm"
NEEDS_LUNG = {"outside_lung_share"}
REFERENCE = "reference"
NO_CLASSIFIER = "none"
NO_BINARIZATION = "none"
ALL_CLASSES = "all"
DEFAULT_PROTOCOL = "default"


def load_scores(paths: Sequence[str | Path], combos: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Read score and ranking files and add to each row which combination it belongs to.

    Args:
        combos: per file {dataset, classifier, explainer, binarization, protocol}; the maps'
            rankings have binarization "none" and protocol "default".

    Returns:
        All rows, in the order of the files: the columns of COMBO and SCORES, then `measured` and
        the metrics of all files.

    Raises:
        InputError: a file is damaged or lacks a column.
        ValueError: `paths` and `combos` differ in length.
    """
    parts, known = [], SCORES.names
    for path, combo in zip(paths, combos, strict=True):
        part = with_reference(read_parquet(path, [n for n in known if n != REFERENCE]))
        names = [name for name in part.columns if name not in known]
        head = pd.DataFrame({name: combo[name] for name in COMBO}, index=part.index)
        head = head.join(part[known]).assign(**{MEASURED: " ".join(names)})
        parts.append(pd.concat([head, part[names]], axis=1))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COMBO + known)


def scores_of(job: Any) -> pd.DataFrame:
    """Read the `scores` of a job, whose param `combos` names the combination of each file."""
    return load_scores(job.input.scores, job.params.combos)


def metric_names(scores: pd.DataFrame) -> list[str]:
    """Name the metric columns, in their order, without those that the data cannot have.

    Returns:
        The names. Metrics in millimetres are included only if a case has a spacing; attribution
        outside the lung is included only if a case has a lung mask.
    """
    names = [name for name in scores.columns if name not in {*COMBO, *SCORES.names, MEASURED}]
    return [name for name in names if not _needs_more(name) or scores[name].notna().any()]


def measured(group: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """Keep the metrics that the files of these rows have and that their protocol defines.

    Args:
        group: rows of one protocol, from files with the same columns.
    """
    known = set(metrics)
    if MEASURED in group.columns and len(group):
        known &= set(group[MEASURED].iloc[0].split(" "))
    protocol = PROTOCOLS.get(group["protocol"].iloc[0]) if len(group) else None
    if protocol is not None:
        known = {n for n in known if protocol.defines(n) or n in ON_EMPTY_REFERENCES}
    return [name for name in metrics if name in known]


def unit_of(metric: str) -> str:
    """Return a metric's unit; a metric that is not registered is a share."""
    return METRICS[metric].unit if metric in METRICS else "1"


def direction_of(metric: str) -> str:
    """Return a metric's direction; for a metric that is not registered, higher is better."""
    return METRICS[metric].direction if metric in METRICS else "higher"


def sees_reference(metric: str) -> bool:
    """Check whether a metric chooses by the reference; such metrics are shown but not compared."""
    return metric in METRICS and METRICS[metric].uses_reference


def summarize(scores: pd.DataFrame, statistics: Mapping[str, Any]) -> pd.DataFrame:
    """Average the scores of each combination, split and class.

    Localization is averaged over cases with a non-empty reference. The other cases are counted in
    `n_empty_reference`; some protocols include them in the means. Where several classes are
    annotated, class "all" pools their rows.

    Args:
        statistics: replicates, alpha, cluster ("patient", or "case" where patients are unknown).

    Returns:
        The table localization.csv. `n` counts the cases with a non-empty reference, or all cases if
        the protocol includes empty ones; failed cases are included. `n_undefined` counts how many
        of them have no value, so the mean is over n − n_undefined. `n_empty_prediction` counts
        empty predictions within n. Only `false_positive_share` is taken over the cases with an
        empty reference. `std` is the sample standard deviation. Protocol "chexlocalize" uses
        CheXlocalize's interval and mean.
    """
    rows: list[dict[str, Any]] = []
    for (dataset, *_), of_dataset in scores.groupby(["dataset"], sort=False):
        classes = class_groups(of_dataset)
        metrics = metric_names(of_dataset)
        for split, in_split in of_dataset.groupby("split", sort=True):
            for key, group in in_split.groupby(WITHIN_DATASET, sort=False):
                head = {
                    "dataset": dataset,
                    "split": split,
                    **dict(zip(WITHIN_DATASET, key, strict=True)),
                }
                here = measured(group, metrics)
                for name, members in classes.items():
                    part = group[group["class"].isin(members)]
                    for row in summaries(part, here, statistics):
                        rows.append({**head, "class": name, **row})
    return LOCALIZATION.frame(rows)


def intervals_of(
    values: ArrayLike, rows: pd.DataFrame, statistics: Mapping[str, Any]
) -> list[Interval]:
    """Return the mean and its interval for each column of values, by the study's statistics.

    Args:
        values: (n,) or (n, m), nan = undefined.
        rows: n rows with `case` and `patient`.
    """
    return mean_intervals(
        values,
        rows[statistics["cluster"]].to_numpy(dtype=str),
        replicates=statistics["replicates"],
        alpha=statistics["alpha"],
        seed=statistics["seed"],
    )


def class_groups(scores: pd.DataFrame) -> dict[str, list[str]]:
    """Name the classes to report: each annotated class, and "all" if there are several."""
    names = sorted(scores["class"].unique())
    groups = {name: [name] for name in names}
    return {**groups, ALL_CLASSES: names} if len(names) > 1 else groups


def pooled_classes(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of class "all" if there are several classes, else all rows."""
    pooled = table[table["class"] == ALL_CLASSES]
    return pooled if len(pooled) else table


def of_classifier(table: pd.DataFrame, classifier: str) -> pd.DataFrame:
    """Keep the rows of a classifier, and of the explainers that need no classifier."""
    return table[table["classifier"].isin([classifier, NO_CLASSIFIER])]


def classifiers_in(table: pd.DataFrame) -> list[str]:
    """List the classifiers of a table; `['none']` if no row has one."""
    names = list(table["classifier"].unique())
    return [name for name in names if name != NO_CLASSIFIER] or names


def primary_setting(table: pd.DataFrame, statistics: Mapping[str, Any]) -> pd.DataFrame:
    """Keep the rows of the primary binarization under the default protocol."""
    return table[
        (table["binarization"] == statistics["primary_binarization"])
        & (table["protocol"] == DEFAULT_PROTOCOL)
    ]


def class_groups_of(
    parts: Iterable[tuple[Mapping[str, str], pd.DataFrame]],
) -> dict[str, dict[str, list[str]]]:
    """Return {data set: `class_groups` of all its tables}; one table may lack some classes.

    Args:
        parts: {dataset, …} and a table with the column `class`, each.
    """
    classes: dict[str, list[pd.DataFrame]] = {}
    for head, table in parts:
        classes.setdefault(head["dataset"], []).append(table[["class"]])
    return {name: class_groups(pd.concat(tables)) for name, tables in classes.items()}


def split_class_parts(
    table: pd.DataFrame, groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield split, class and rows for each split and each of the `class_groups` with rows."""
    for split, in_split in table.groupby("split", sort=True):
        for cls, members in groups.items():
            part = in_split[in_split["class"].isin(members)]
            if len(part):
                yield split, cls, part


def localization_values(scores: pd.DataFrame, metrics: Sequence[str]) -> np.ndarray:
    """Return floats (rows, metrics) to average: nan where the metric is not meant for the case.

    Args:
        scores: rows of one protocol with `empty_reference` and the metrics.
    """
    values = scores[list(metrics)].to_numpy(dtype=float, copy=True)
    empty = scores["empty_reference"].to_numpy(dtype=bool)
    outside = np.zeros(len(empty), dtype=bool) if _counts_empty(scores) else empty
    for column, name in enumerate(metrics):
        values[~empty if name in ON_EMPTY_REFERENCES else outside, column] = np.nan
    return values


def keep_test_split(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of the test split, or all rows if there is none."""
    chosen = table[table["split"] == "test"]
    return chosen if len(chosen) else table


def summaries(
    rows: pd.DataFrame, metrics: Sequence[str], statistics: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield one row per metric for the scores of one combination, split and class.

    Yields:
        The columns of localization.csv from `metric` on.
    """
    values = localization_values(rows, metrics)
    empty = rows["empty_reference"].to_numpy(dtype=bool)
    empty_prediction = rows["empty_prediction"].to_numpy(dtype=bool)
    patients = rows["patient"].to_numpy(dtype=str)
    counted = np.ones(len(rows), dtype=bool) if _counts_empty(rows) else ~empty
    for on_empty in (False, True):
        chosen = empty if on_empty else counted
        columns = [
            index for index, name in enumerate(metrics) if (name in ON_EMPTY_REFERENCES) == on_empty
        ]
        if not columns or (on_empty and not chosen.any()):
            continue
        part = values[np.ix_(chosen, columns)]
        intervals = _intervals(part, rows[chosen], statistics)
        for position, (column, interval) in enumerate(zip(columns, intervals, strict=True)):
            defined = part[~np.isnan(part[:, position]), position]
            yield {
                "metric": metrics[column],
                "unit": unit_of(metrics[column]),
                "n": int(chosen.sum()),
                "n_patients": len(set(patients[chosen])),
                "n_empty_prediction": int((chosen & empty_prediction).sum()),
                "n_empty_reference": int(empty.sum()),
                "n_undefined": int(chosen.sum()) - len(defined),
                "mean": interval.mean,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "median": float(np.median(defined)) if len(defined) else np.nan,
                "std": _std(defined),
                REFERENCE: references(rows[REFERENCE]),
            }


def with_reference(table: pd.DataFrame) -> pd.DataFrame:
    """Add `mask` as the reference in tables that were packed before boxes were supported."""
    return table if REFERENCE in table.columns else table.assign(**{REFERENCE: "mask"})


def references(kinds: Iterable[str]) -> str:
    """State how the references of several rows were drawn: mask, box, or mask and box."""
    return " and ".join(sorted(set(kinds), reverse=True))


def _std(values: np.ndarray) -> float:
    """Compute the sample standard deviation; nan for one value, or if a value is infinite."""
    known = len(values) > 1 and np.isfinite(values).all()
    return float(np.std(values, ddof=1)) if known else np.nan


def _intervals(
    values: np.ndarray, rows: pd.DataFrame, statistics: Mapping[str, Any]
) -> list[Interval]:
    """Compute means with intervals per column, by the rows' protocol."""
    protocol = PROTOCOLS.get(rows["protocol"].iloc[0]) if len(rows) else None
    if protocol is not None and protocol.interval == "order_statistics":
        # CheXlocalize resamples images, whichever patient they belong to.
        return order_statistics_intervals(
            values, rows["case"].to_numpy(dtype=str), seed=statistics["seed"]
        )
    return intervals_of(values, rows, statistics)


def _counts_empty(rows: pd.DataFrame) -> bool:
    """Check whether the rows' protocol includes cases with an empty reference in its means."""
    protocol = PROTOCOLS.get(rows["protocol"].iloc[0]) if len(rows) else None
    return protocol is not None and protocol.counts_empty_references


def _needs_more(metric: str) -> bool:
    return metric in NEEDS_LUNG or unit_of(metric) == NEEDS_SPACING
