"""Paired comparisons of every two explainers: the table comparisons.csv."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.aligned_scores import Block, blocks, check_overlap
from fidelity.analysis.columns.comparisons import COMPARISONS, EQUIVALENCE_UNITS, HOLM_WITHIN
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    ON_EMPTY_REFERENCES,
    sees_reference,
    unit_of,
)
from fidelity.statistics.multiplicity import holm
from fidelity.statistics.paired import paired_tests


def compare(
    scores: pd.DataFrame,
    statistics: Mapping[str, Any],
    diagnostic: Collection[str] = (),
    partial: Collection[str] = (),
) -> pd.DataFrame:
    """Compare every pair of explainers on the cases they share.

    Explainers that need no classifier are included in the comparisons of every classifier.

    Args:
        statistics: replicates, permutations, alpha, margin, cluster; `compared` (metrics);
            `primary` (metric) and `primary_binarization` state which comparisons are primary.
        diagnostic: binarizations that use the reference.
        partial: explainers that may lack cases: compared on the cases that they have.

    Returns:
        The table comparisons.csv:

        - Differences are explainer_a − explainer_b in the metric's unit, averaged over patients'
          means. `n_patients` counts the units of analysis; `unit_of_analysis` names them
          ("patient" or "image").
        - Tests are Wilcoxon's signed-rank test (`p_value`) and a test by sign flips of the mean
          (`p_permutation`). Both have Holm's correction over the pairs of one data set, split,
          classifier, class, binarization, protocol, metric and family.
        - `family` is "diagnostic" if binarization or metric used the reference. It is "primary" for
          the primary metric and binarization on the test split under the default protocol, else
          "secondary".
        - `conclusion` is about the values, whether or not high values are good. It is "a_higher" or
          "b_higher" if the adjusted Wilcoxon p is below alpha and the interval excludes 0 on that
          side. It is "equivalent" if the interval of a share lies inside ±margin and is based on
          at least EQUIVALENCE_UNITS units. Else it is "none_shown".

    Raises:
        InputError: over 1 % of an explainer's cases are missing from another that is not partial.
    """
    parts = [
        part
        for block in blocks(scores, statistics, sees_reference_too=True)
        for part in _pairs(block, statistics, diagnostic, partial)
    ]
    if not parts:
        return COMPARISONS.frame()
    table = adjust(pd.concat(parts, ignore_index=True), HOLM_WITHIN)
    inside = inside_margin(table, statistics["margin"])
    table["conclusion"] = conclusions(table, statistics["alpha"], inside)
    return table[COMPARISONS.names]


def inside_margin(table: pd.DataFrame, margin: float) -> pd.Series:
    """Find the intervals of shares inside ±margin that are based on EQUIVALENCE_UNITS or more."""
    share = table["metric"].map(unit_of) == "1"
    inside = share & (table["ci_low"] > -margin) & (table["ci_high"] < margin)
    return inside & (table["n_patients"] >= EQUIVALENCE_UNITS)


def adjust(table: pd.DataFrame, within: Sequence[str]) -> pd.DataFrame:
    """Add both p values with Holm's correction over the rows that agree in the columns `within`."""
    for p_value, adjusted in (
        ("p_value", "p_adjusted"),
        ("p_permutation", "p_permutation_adjusted"),
    ):
        grouped = table.groupby(list(within), sort=False)[p_value]
        table[adjusted] = grouped.transform(lambda part: holm(part.to_numpy(dtype=float)))
    return table


def compare_pairs(block: Block, statistics: Mapping[str, Any]) -> pd.DataFrame:
    """Compare every two explainers of a block by every metric.

    Returns:
        One row per pair and metric: the block's head, metric, explainer_a, explainer_b, n,
        n_patients, mean_difference to p_permutation as in comparisons.csv, unit_of_analysis.
    """
    pairs = list(combinations(block.values, 2))
    per_case = [_difference(block.values[a], block.values[b]) for a, b in pairs]
    tests = paired_tests(
        np.concatenate([block.unit_means(values) for values in per_case], axis=1),
        replicates=statistics["replicates"],
        permutations=statistics["permutations"],
        alpha=statistics["alpha"],
        seed=statistics["seed"],
    )
    return pd.DataFrame(
        {
            "metric": block.metrics * len(pairs),
            "explainer_a": np.repeat([a for a, _ in pairs], len(block.metrics)),
            "explainer_b": np.repeat([b for _, b in pairs], len(block.metrics)),
            "n": np.concatenate([(~np.isnan(values)).sum(axis=0) for values in per_case]),
            "n_patients": tests.n,
            "mean_difference": tests.mean,
            "ci_low": tests.low,
            "ci_high": tests.high,
            "effect_size": tests.effect_size,
            "p_value": tests.p_wilcoxon,
            "p_permutation": tests.p_permutation,
        }
    ).assign(**block.head, unit_of_analysis=block.unit, reference=block.references)


def _pairs(
    block: Block,
    statistics: Mapping[str, Any],
    diagnostic: Collection[str],
    partial: Collection[str],
) -> Iterator[pd.DataFrame]:
    """Yield one table with all pairs and metrics of a block, if it has at least two explainers."""
    pairs = list(combinations(block.values, 2))
    if not pairs:
        return
    for a, b in pairs:
        if not {a, b} & set(partial):
            check_overlap(a, b, block.present[a], block.present[b])
    table = compare_pairs(block, statistics)
    table["family"] = [
        _family(block.head, metric, statistics, diagnostic) for metric in table["metric"]
    ]
    yield table[~table["metric"].isin(ON_EMPTY_REFERENCES) | (table["n"] > 0)]


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Subtract values; the difference of two infinite distances is 0."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(a) & (a == b), 0.0, a - b)


def _family(
    head: Mapping[str, str], metric: str, statistics: Mapping[str, Any], diagnostic: Collection[str]
) -> str:
    if head["binarization"] in diagnostic or sees_reference(metric):
        return "diagnostic"
    primary = (
        metric == statistics["primary"]
        and head["binarization"] == statistics["primary_binarization"]
        and head["split"] == "test"
        and head["protocol"] == DEFAULT_PROTOCOL
    )
    return "primary" if primary else "secondary"


def conclusions(table: pd.DataFrame, alpha: float, inside: pd.Series | bool = False) -> np.ndarray:
    """State for each row which conclusion its tests allow.

    Args:
        inside: rows whose interval lies inside the margin of equivalence.

    Returns:
        "a_higher", "b_higher", "equivalent" or "none_shown" per row.
    """
    significant = table["p_adjusted"] < alpha
    # The rank test is two-sided. A few large differences may pull the mean one way while most units
    # differ the other way; then no direction is claimed.
    upwards, downwards = table["effect_size"] > 0, table["effect_size"] < 0
    return np.select(
        [
            significant & (table["ci_low"] > 0) & upwards,
            significant & (table["ci_high"] < 0) & downwards,
            np.broadcast_to(inside, len(table)),
        ],
        ["a_higher", "b_higher", "equivalent"],
        "none_shown",
    )
