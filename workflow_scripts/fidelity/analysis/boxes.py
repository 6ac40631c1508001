"""Compute metrics of sets of images from box scores: boxes.csv and box_comparisons.csv."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.box_metrics import BoxSet, SetMetric, select_sets
from fidelity.analysis.columns.boxes import BOX_COMPARISONS, BOX_SCORES, BOXES
from fidelity.analysis.localization import (
    ALL_CLASSES,
    NO_CLASSIFIER,
    class_groups_of,
    keep_test_split,
    references,
)
from fidelity.base.files import read_parquet
from fidelity.statistics.set_level import SetResult, set_result

NO_VALIDATION = "no threshold: no case of the validation split has a box"

Scores = dict[tuple[str, str], pd.DataFrame]
# (classifier, explainer) and its box scores.
_Part = tuple[tuple[str, str], BoxSet]


def load_box_scores(paths: Sequence[str | Path], combos: Sequence[tuple[str, str]]) -> Scores:
    """Read the box scores of each (classifier, explainer).

    Raises:
        InputError: a file is damaged or lacks a column.
        ValueError: `paths` and `combos` differ in length.
    """
    return {
        tuple(combo): read_parquet(path, BOX_SCORES.names)
        for path, combo in zip(paths, combos, strict=True)
    }


def box_values(
    scores: Scores, *, dataset: str, sets: Mapping[str, Any], statistics: Mapping[str, Any]
) -> pd.DataFrame:
    """Compute all values of each explainer, split and class, with intervals over patients.

    Args:
        sets: `protocols`, `hit` and `false_positives`, as in the config.

    Returns:
        The table boxes.csv. Where several classes are annotated, class "all" pools their cases.
    """
    metrics = select_sets(sets["protocols"], sets["false_positives"])
    rows = []
    for classifier, explainer, split, name, found, failed in _sets(scores, sets):
        for metric in metrics:
            result = _result(metric, found, statistics)
            interval = result.interval(statistics["alpha"])
            counted = metric.counted(found)
            rows.append(
                {
                    "dataset": dataset,
                    "split": split,
                    "classifier": classifier,
                    "explainer": explainer,
                    "protocol": metric.protocol,
                    "class": name,
                    "metric": metric.name,
                    "direction": metric.direction,
                    "n": len(counted),
                    "n_patients": counted["patient"].nunique(),
                    "n_boxes": int(found.rows["n_reference"].sum()),
                    "n_failed": failed,
                    "value": interval.mean,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "uses_reference": metric.uses_reference,
                    "note": NO_VALIDATION if _lacks_threshold(metric, found) else "",
                    "reference": references(found.rows["reference"]),
                }
            )
    return BOXES.frame(rows)


def box_comparisons(
    scores: Scores, *, dataset: str, sets: Mapping[str, Any], statistics: Mapping[str, Any]
) -> pd.DataFrame:
    """Compare each classifier's explainers, and the null baselines, in pairs on the same cases.

    The comparisons use the test split (all splits, if there is none) and every metric that is not
    diagnostic. Both explainers of a pair are resampled together; there are no tests.
    """
    metrics = [
        metric
        for metric in select_sets(sets["protocols"], sets["false_positives"])
        if not metric.uses_reference
    ]
    results: dict[tuple, SetResult] = {}

    def result(metric: SetMetric, key: tuple, one: BoxSet) -> SetResult:
        key = (metric.name, *key)
        if key not in results:
            results[key] = _result(metric, one, statistics)
        return results[key]

    rows = []
    for classifier, split, name, (a, of_a), (b, of_b) in _pairs(scores, sets):
        common, of_a, of_b = _on_common_cases(of_a, of_b)
        for metric in metrics:
            key = (split, name, common)
            difference = result(metric, (*a, *key), of_a).minus(result(metric, (*b, *key), of_b))
            interval = difference.interval(statistics["alpha"])
            counted = metric.counted(of_a)
            rows.append(
                {
                    "dataset": dataset,
                    "split": split,
                    "classifier": classifier,
                    "protocol": metric.protocol,
                    "class": name,
                    "metric": metric.name,
                    "direction": metric.direction,
                    "explainer_a": a[1],
                    "explainer_b": b[1],
                    "n": len(counted),
                    "n_patients": counted["patient"].nunique(),
                    "difference": interval.mean,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "reference": references(of_a.rows["reference"]),
                }
            )
    return BOX_COMPARISONS.frame(rows)


def _pairs(scores: Scores, sets: Mapping[str, Any]) -> Iterator[tuple[str, str, str, _Part, _Part]]:
    """Yield classifier, split, class and two explainers; of the test split, if there is one."""
    found = [item[:5] for item in _sets(scores, sets)]
    tested = keep_test_split(pd.DataFrame([item[:4] for item in found], columns=_KEYS))
    by_set: dict[tuple[str, str], dict[tuple[str, str], BoxSet]] = {}
    for place in tested.index:
        classifier, explainer, split, name, one = found[place]
        by_set.setdefault((split, name), {})[classifier, explainer] = one
    classifiers = dict.fromkeys(classifier for classifier, _ in scores)
    for classifier in [c for c in classifiers if c != NO_CLASSIFIER] or [NO_CLASSIFIER]:
        for (split, name), here in by_set.items():
            own = [(k, v) for k, v in here.items() if k[0] in (classifier, NO_CLASSIFIER)]
            for first, second in combinations(own, 2):
                yield classifier, split, name, first, second


_KEYS = ["classifier", "explainer", "split", "class"]


def _sets(
    scores: Scores, sets: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, str, BoxSet, int]]:
    """Build the set of images of each classifier, explainer, split and class.

    Yields:
        Classifier, explainer, split, class, the set without failed maps, and the number of failed
        maps.
    """
    names = {"dataset": ""}
    classes = class_groups_of((names, table) for table in scores.values()).get("", {})
    for (classifier, explainer), table in scores.items():
        good = table[table["status"] == "ok"]
        for split in sorted(table["split"].unique()):
            for name, members in classes.items():
                here = table[(table["split"] == split) & table["class"].isin(members)]
                if not len(here):
                    continue
                rows = good[(good["split"] == split) & good["class"].isin(members)]
                val = good[
                    (good["split"] == "val")
                    & good["class"].isin(members)
                    & ~good["empty_reference"].astype(bool)
                ]
                one = BoxSet(
                    rows,
                    good[good["split"] == split],
                    None if len(members) > 1 or name == ALL_CLASSES else name,
                    val if len(val) and split != "val" else None,
                    sets["hit"],
                )
                yield classifier, explainer, split, name, one, len(here) - len(rows)


def _lacks_threshold(metric: SetMetric, found: BoxSet) -> bool:
    return metric.needs_validation and found.validation is None


def _result(metric: SetMetric, found: BoxSet, statistics: Mapping[str, Any]) -> SetResult:
    counted = metric.counted(found)
    if not len(counted) or _lacks_threshold(metric, found):
        return SetResult(np.nan, np.empty(0))
    clusters = counted[statistics["cluster"]].to_numpy(dtype=str)
    return set_result(
        metric.function(found), clusters, statistics["replicates"], statistics["seed"]
    )


def _on_common_cases(a: BoxSet, b: BoxSet) -> tuple[frozenset, BoxSet, BoxSet]:
    """Keep the cases and classes that both have, with the same kind of reference.

    A reader's own boxes are scored against the boxes of the other readers. That reference may be
    empty where the usual one is not.
    """
    keys = [frozenset(_key_of(one.of_all_classes)) for one in (a, b)]
    common = keys[0] & keys[1]
    if keys[0] == keys[1]:
        return common, a, b

    def cut(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[_key_of(rows).isin(common)]

    return common, *(
        replace(one, rows=cut(one.rows), of_all_classes=cut(one.of_all_classes)) for one in (a, b)
    )


def _key_of(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[["case", "class", "empty_reference"]])
