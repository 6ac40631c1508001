"""From scores per case to the tables of a study: means with intervals, and paired comparisons."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fidelity.errors import InputError
from fidelity.metrics.registry import METRICS
from fidelity.statistics import holm, mean_intervals, paired_comparison

COMBO = ["dataset", "classifier", "explainer", "binarization", "protocol"]
CASE = [
    "case",
    "patient",
    "split",
    "class",
    "target_class",
    "target_is_predicted",
    "probability",
    "correct",
    "status",
    "empty_prediction",
    "empty_reference",
]
LOCALIZATION = [
    "dataset",
    "split",
    "classifier",
    "explainer",
    "binarization",
    "protocol",
    "class",
    "metric",
    "unit",
    "n",
    "n_patients",
    "n_empty_prediction",
    "n_empty_reference",
    "n_undefined",
    "mean",
    "ci_low",
    "ci_high",
    "median",
    "std",
]
COMPARISONS = [
    "dataset",
    "split",
    "classifier",
    "binarization",
    "protocol",
    "class",
    "metric",
    "family",
    "explainer_a",
    "explainer_b",
    "n",
    "n_patients",
    "mean_difference",
    "ci_low",
    "ci_high",
    "effect_size",
    "p_value",
    "p_adjusted",
]
HOLM_WITHIN = [
    "dataset",
    "split",
    "classifier",
    "binarization",
    "protocol",
    "class",
    "metric",
    "family",
]
# Measured on cases with an empty reference, where the localization metrics are not.
ON_EMPTY_REFERENCES = {"false_positive_share"}
NO_CLASSIFIER = "none"
ALL_CLASSES = "all"
MISSING_SHARE = 0.01


def load_scores(paths: Sequence[str | Path], combos: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Read score files and say in each row which combination it belongs to.

    Args:
        paths: scores.parquet files.
        combos: per file {dataset, classifier, explainer, binarization, protocol}.

    Returns:
        All rows, in the order of the files: the columns of COMBO, of CASE, then the metrics.

    Raises:
        InputError: a file lacks a column.
        ValueError: paths and combos differ in number.
    """
    parts = []
    for path, combo in zip(paths, combos, strict=True):
        part = pd.read_parquet(path)
        absent = [name for name in CASE if name not in part.columns]
        if absent:
            raise InputError(
                "the scores lack this column",
                file=path,
                field=absent[0],
                remedy="Delete the file and run again",
            )
        for position, name in enumerate(COMBO):
            part.insert(position, name, combo[name])
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COMBO + CASE)


def metric_names(scores: pd.DataFrame) -> list[str]:
    """Name the metric columns, in their order."""
    return [name for name in scores.columns if name not in {*COMBO, *CASE}]


def summarize(
    scores: pd.DataFrame,
    statistics: Mapping[str, Any],
    seed: int,
) -> pd.DataFrame:
    """Average the scores of each combination, split and class.

    Localization is averaged over cases with a non-empty reference; the others are counted in
    `n_empty_reference`. Where several classes are annotated, class "all" pools their rows.

    Args:
        scores: as `load_scores` returns it.
        statistics: replicates, alpha, cluster ("patient", or "case" where patients are unknown).
        seed: the config's seed.

    Returns:
        The table localization.csv. `n` counts the cases with a non-empty reference, failed ones
        included; `n_undefined` those of them without a value, so that the mean is over
        n − n_undefined. `n_empty_prediction` counts within n. `false_positive_share` alone is taken
        over the cases with an empty reference. `std` is the sample standard deviation.
    """
    metrics = metric_names(scores)
    rows: list[dict[str, Any]] = []
    for (dataset, *_), of_dataset in scores.groupby(["dataset"], sort=False):
        classes = class_groups(of_dataset)
        for split, _ in of_dataset.groupby("split", sort=True):
            in_split = of_dataset[of_dataset["split"] == split]
            for key, group in in_split.groupby(COMBO[1:], sort=False):
                head = {
                    "dataset": dataset,
                    "split": split,
                    **dict(zip(COMBO[1:], key, strict=True)),
                }
                for name, members in classes.items():
                    part = group[group["class"].isin(members)]
                    for row in _summaries(part, metrics, statistics, seed):
                        rows.append({**head, "class": name, **row})
    return pd.DataFrame(rows, columns=LOCALIZATION)


def compare(scores: pd.DataFrame, statistics: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """Compare every pair of explainers on the cases they share.

    Explainers that need no classifier take part in the comparisons of every classifier.

    Args:
        scores: as `load_scores` returns it.
        statistics: replicates, alpha, cluster; `primary` (metric) and `primary_binarization` (None:
            the first in the scores) say which comparisons are the primary ones.
        seed: the config's seed.

    Returns:
        The table comparisons.csv. Differences are explainer_a − explainer_b over patients, in the
        metric's unit. `family` is "primary" for the primary metric and binarization on the test
        split over all annotated classes, else "secondary". `p_adjusted` is Holm's correction over
        the pairs of one data set, split, classifier, class, binarization, protocol, metric, family.

    Raises:
        InputError: over 1 % of an explainer's cases are missing from another.
    """
    rows = list(_comparisons(scores, statistics, seed))
    table = pd.DataFrame(rows, columns=COMPARISONS)
    if len(table):
        grouped = table.groupby(HOLM_WITHIN, sort=False)["p_value"]
        table["p_adjusted"] = grouped.transform(lambda part: holm(part.to_numpy(dtype=float)))
    return table


def class_groups(scores: pd.DataFrame) -> dict[str, list[str]]:
    """Name the classes to report: each annotated one, and "all" if there are several."""
    names = sorted(scores["class"].unique())
    groups = {name: [name] for name in names}
    return {**groups, ALL_CLASSES: names} if len(names) > 1 else groups


def localization_values(scores: pd.DataFrame, metrics: Sequence[str]) -> np.ndarray:
    """Give the values that enter means: nan where the case is not one the metric is for.

    Args:
        scores: rows with `empty_reference` and the metrics.
        metrics: columns.

    Returns:
        (rows, metrics) float array.
    """
    values = scores[list(metrics)].to_numpy(dtype=float, copy=True)
    empty = scores["empty_reference"].to_numpy(dtype=bool)
    for column, name in enumerate(metrics):
        values[empty if name not in ON_EMPTY_REFERENCES else ~empty, column] = np.nan
    return values


def keep_test_split(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of the test split, or all if there is none."""
    chosen = table[table["split"] == "test"]
    return chosen if len(chosen) else table


def _summaries(
    rows: pd.DataFrame, metrics: Sequence[str], statistics: Mapping[str, Any], seed: int
) -> Iterator[dict[str, Any]]:
    """Give one row per metric for the scores of one combination, split and class."""
    values = localization_values(rows, metrics)
    empty = rows["empty_reference"].to_numpy(dtype=bool)
    empty_prediction = rows["empty_prediction"].to_numpy(dtype=bool)
    clusters = rows[statistics["cluster"]].to_numpy(dtype=str)
    patients = rows["patient"].to_numpy(dtype=str)
    for on_empty in (False, True):
        chosen = empty if on_empty else ~empty
        columns = [
            index for index, name in enumerate(metrics) if (name in ON_EMPTY_REFERENCES) == on_empty
        ]
        if not columns or (on_empty and not chosen.any()):
            continue
        part = values[np.ix_(chosen, columns)]
        intervals = mean_intervals(
            part,
            clusters[chosen],
            replicates=statistics["replicates"],
            alpha=statistics["alpha"],
            seed=seed,
        )
        for position, (column, interval) in enumerate(zip(columns, intervals, strict=True)):
            defined = part[~np.isnan(part[:, position]), position]
            yield {
                "metric": metrics[column],
                "unit": METRICS[metrics[column]].unit if metrics[column] in METRICS else "1",
                "n": int(chosen.sum()),
                "n_patients": len(set(patients[chosen])),
                "n_empty_prediction": int((chosen & empty_prediction).sum()),
                "n_empty_reference": int(empty.sum()),
                "n_undefined": int(chosen.sum()) - len(defined),
                "mean": interval.mean,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "median": float(np.median(defined)) if len(defined) else np.nan,
                "std": float(np.std(defined, ddof=1)) if len(defined) > 1 else np.nan,
            }


def _comparisons(
    scores: pd.DataFrame, statistics: Mapping[str, Any], seed: int
) -> Iterator[dict[str, Any]]:
    metrics = metric_names(scores)
    for (dataset, *_), of_dataset in scores.groupby(["dataset"], sort=False):
        groups = class_groups(of_dataset)
        primary = {
            "split": "test",
            "binarization": statistics.get("primary_binarization")
            or of_dataset["binarization"].iloc[0],
            "class": ALL_CLASSES if ALL_CLASSES in groups else next(iter(groups)),
            "metric": statistics["primary"],
        }
        keys = ["split", "binarization", "protocol"]
        classifiers = [
            name for name in of_dataset["classifier"].unique() if name != NO_CLASSIFIER
        ] or [NO_CLASSIFIER]
        for key, group in of_dataset.groupby(keys, sort=False):
            head = {"dataset": dataset, **dict(zip(keys, key, strict=True))}
            for classifier in classifiers:
                joined = group[group["classifier"].isin([classifier, NO_CLASSIFIER])]
                for name, members in groups.items():
                    part = joined[joined["class"].isin(members)]
                    for row in _pairs(part, metrics, statistics, seed):
                        row = {**head, "classifier": classifier, "class": name, **row}
                        is_primary = all(row[field] == value for field, value in primary.items())
                        yield {**row, "family": "primary" if is_primary else "secondary"}


def _pairs(
    scores: pd.DataFrame, metrics: Sequence[str], statistics: Mapping[str, Any], seed: int
) -> Iterator[dict[str, Any]]:
    """Compare all pairs of explainers in these rows, metric by metric."""
    cases = pd.MultiIndex.from_frame(scores[["case", "class"]]).unique().sort_values()
    aligned: dict[str, np.ndarray] = {}
    present: dict[str, np.ndarray] = {}
    clusters = pd.Series("", index=cases, dtype=object)
    for explainer, rows in scores.groupby("explainer", sort=False):
        index = pd.MultiIndex.from_frame(rows[["case", "class"]])
        if index.has_duplicates:
            case = index[index.duplicated()][0]
            raise InputError(f"the scores of {explainer!r} list {case[0]!r}, {case[1]!r} twice")
        where = cases.get_indexer(index)
        aligned[explainer] = np.full((len(cases), len(metrics)), np.nan)
        aligned[explainer][where] = localization_values(rows, metrics)
        present[explainer] = np.zeros(len(cases), dtype=bool)
        present[explainer][where] = True
        clusters.iloc[where] = rows[statistics["cluster"]].astype(str).to_numpy(dtype=object)
    names = clusters.to_numpy(dtype=str)
    for a, b in combinations(aligned, 2):
        _check_overlap(a, b, present[a], present[b])
        both = present[a] & present[b]
        for column, metric in enumerate(metrics):
            result = paired_comparison(
                aligned[a][both, column],
                aligned[b][both, column],
                names[both],
                replicates=statistics["replicates"],
                alpha=statistics["alpha"],
                seed=seed,
            )
            if metric in ON_EMPTY_REFERENCES and result.n == 0:
                continue
            yield {
                "metric": metric,
                "explainer_a": a,
                "explainer_b": b,
                "n": result.n,
                "n_patients": result.n_clusters,
                "mean_difference": result.mean_difference,
                "ci_low": result.low,
                "ci_high": result.high,
                "effect_size": result.effect_size,
                "p_value": result.p_value,
            }


def _check_overlap(a: str, b: str, in_a: np.ndarray, in_b: np.ndarray) -> None:
    """Raise InputError if over 1 % of the cases of one explainer are missing from the other."""
    for name, other, here, there in ((a, b, in_a, in_b), (b, a, in_b, in_a)):
        missing = int((here & ~there).sum())
        if missing > MISSING_SHARE * int(here.sum()):
            raise InputError(
                f"{missing} of the {int(here.sum())} cases of explainer {name!r} "
                f"are missing from {other!r}",
                remedy="Explain both on the same cohort; at most 1 % may be missing",
            )
