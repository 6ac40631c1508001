"""Align the scores of several explainers on the same cases, so that they can be compared."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.coverage import cohort_of
from fidelity.analysis.localization import (
    REFERENCE,
    class_groups,
    classifiers_in,
    keep_test_split,
    localization_values,
    measured,
    metric_names,
    of_classifier,
    references,
    sees_reference,
)
from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case

MISSING_SHARE = 0.01
# Largest rounding error of a sum, as a share of the sum of absolute values.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Block:
    """Aligned scores of one data set, split, binarization, protocol, classifier and class.

    Attributes:
        head: name → value of these six columns.
        values: explainer → (cases, metrics), nan where the case is absent or undefined. All
            explainers have the same cases, sorted by unit.
        present: explainer → (cases,) whether it has the case.
        starts: (units,) index of each unit's first case.
        unit: the unit of analysis, `patient` or `image`.
        references: how the references were drawn: mask, box, or mask and box; empty for scores
            without a reference.
    """

    head: dict[str, str]
    metrics: list[str]
    values: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    starts: np.ndarray
    unit: str
    references: str

    def unit_means(self, values: np.ndarray) -> np.ndarray:
        """Average cases within units: (cases, metrics) to (units, metrics), nan skipped.

        Differences of a unit that cancel give 0, not their rounding error: tests of signs and ranks
        would count it in full.
        """
        defined = ~np.isnan(values)
        filled = np.where(defined, values, 0.0)
        sums = np.add.reduceat(filled, self.starts, axis=0)
        sums[np.abs(sums) < ROUNDING * np.add.reduceat(np.abs(filled), self.starts, axis=0)] = 0
        counts = np.add.reduceat(defined.astype(float), self.starts, axis=0)
        with np.errstate(invalid="ignore"):
            return sums / counts


def blocks(
    scores: pd.DataFrame, statistics: Mapping[str, Any], *, sees_reference_too: bool = False
) -> Iterator[Block]:
    """Go through the scores block by block.

    Explainers that need no classifier are included in the blocks of every classifier.

    Args:
        statistics: `cluster`, `primary`, and `compared` (the metrics to compare; all if absent).
        sees_reference_too: whether to keep metrics that use the reference.

    Raises:
        InputError: a case is listed twice.
    """
    for (dataset, *_), of_dataset in scores.groupby(["dataset"], sort=False):
        groups = class_groups(of_dataset)
        asked = compared_metrics(metric_names(of_dataset), statistics)
        if not sees_reference_too:
            asked = [name for name in asked if not sees_reference(name)]
        classifiers = classifiers_in(of_dataset)
        units = {
            split: unit_of_analysis(part, statistics["cluster"])
            for split, part in of_dataset.groupby("split")
        }
        keys = ["split", "binarization", "protocol"]
        for key, group in of_dataset.groupby(keys, sort=False):
            metrics = measured(group, asked)
            if not metrics:
                continue
            for classifier in classifiers:
                joined = of_classifier(group, classifier)
                for name, members in groups.items():
                    part = joined[joined["class"].isin(members)]
                    head = {"dataset": dataset, **dict(zip(keys, key, strict=True))}
                    head |= {"classifier": classifier, "class": name}
                    if len(part):
                        yield align(
                            part,
                            head,
                            metrics,
                            localization_values(part, metrics),
                            statistics["cluster"],
                            units[key[0]],
                        )


def compared_metrics(names: Sequence[str], statistics: Mapping[str, Any]) -> list[str]:
    """Keep the metrics that are compared; the primary metric is always one of them."""
    asked = statistics.get("compared")
    if asked is None:
        return list(names)
    return [name for name in names if name in {*asked, statistics["primary"]}]


def unit_of_analysis(scores: pd.DataFrame, cluster: str) -> str:
    """Name the unit of analysis: `patient`, or `image` where the two are the same.

    Args:
        scores: rows of one data set and split.
        cluster: the setting, `patient` or `case`.

    Returns:
        `image` if cases are the clusters, or if no patient has two of them. The latter holds if the
        data set does not list patients: each image then counts as one.
    """
    if cluster != "patient":
        return "image"
    cases = scores[["patient", "case"]].drop_duplicates()
    return "patient" if cases["patient"].duplicated().any() else "image"


def unit_of_tables(
    means: pd.DataFrame, comparisons: pd.DataFrame, cases: Collection[Case], cluster: str
) -> str:
    """Name the unit of analysis of a data set's tables: `patient` or `image`.

    The comparisons state it. A single explainer has none; then the cases that were scored decide.

    Args:
        means: localization.csv.
        cases: the case table; only needed without comparisons.
        cluster: the setting, `patient` or `case`.
    """
    stated = set(keep_test_split(comparisons)["unit_of_analysis"])
    if stated:
        return "patient" if "patient" in stated else "image"
    shown = keep_test_split(means)
    cohort = cohort_of(cases, list(shown["class"].unique()), set(shown["split"]))
    scored = {case for _, case, _ in cohort}
    rows = [(case.patient, case.case) for case in cases if case.case in scored]
    return unit_of_analysis(pd.DataFrame(rows, columns=["patient", "case"]), cluster)


def check_overlap(a: str, b: str, in_a: np.ndarray, in_b: np.ndarray) -> None:
    """Raise InputError if over 1 % of the cases of one explainer are missing from the other."""
    for name, other, here, there in ((a, b, in_a, in_b), (b, a, in_b, in_a)):
        missing = int((here & ~there).sum())
        if missing > MISSING_SHARE * int(here.sum()):
            raise InputError(
                f"{missing} of the {int(here.sum())} cases of explainer {name!r} "
                f"are missing from {other!r}",
                remedy="Explain both on the same cases. At most 1 % may be missing",
            )


def align(
    rows: pd.DataFrame,
    head: dict[str, str],
    metrics: list[str],
    values: np.ndarray,
    cluster: str,
    unit: str,
) -> Block:
    """Put the values of several explainers side by side, case by case.

    Args:
        rows: has the columns `explainer`, `case`, `class` and the cluster; scores against a
            reference also have `reference`.
        values: (rows, metrics), nan where undefined.

    Raises:
        InputError: a case is listed twice.
    """
    order = list(dict.fromkeys([cluster, "case", "class"]))
    known = rows[order].drop_duplicates().sort_values(order, kind="stable")
    cases = pd.MultiIndex.from_frame(known[["case", "class"]])
    clusters = known[cluster].to_numpy(dtype=str)
    starts = np.flatnonzero(np.r_[True, clusters[1:] != clusters[:-1]])
    explainers = rows["explainer"].to_numpy(dtype=object)
    aligned, present = {}, {}
    for explainer in rows["explainer"].unique():
        own = explainers == explainer
        index = pd.MultiIndex.from_frame(rows.loc[own, ["case", "class"]])
        if index.has_duplicates:
            case = index[index.duplicated()][0]
            raise InputError(
                f"the scores of {explainer!r} list the case {case[0]!r}, class {case[1]!r}, twice",
                remedy="Delete these scores and run again",
            )
        where = cases.get_indexer(index)
        aligned[explainer] = np.full((len(cases), len(metrics)), np.nan)
        aligned[explainer][where] = values[own]
        present[explainer] = np.zeros(len(cases), dtype=bool)
        present[explainer][where] = True
    # Scores that need no reference have no such column.
    drawn_as = references(rows[REFERENCE]) if REFERENCE in rows.columns else ""
    return Block(head, metrics, aligned, present, starts, unit, drawn_as)
