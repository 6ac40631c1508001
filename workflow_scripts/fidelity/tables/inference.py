"""Paired tests, strata and the mixed model as tables."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_BINARIZATION,
    keep_test_split,
)
from fidelity.analysis.strata import LEVELS
from fidelity.explainers.registry import explains
from fidelity.presentation.wording import (
    ABSENT,
    confidence,
    digits_of,
    family_title,
    metric_title,
    p_cell,
    set_value,
    unit_note,
    value_of,
    with_interval,
)
from fidelity.tables.layout import Table, by_family

CONCLUSIONS = {
    "a_higher": "A higher",
    "b_higher": "B higher",
    "equivalent": "equivalent",
    "none_shown": "none shown",
}
STRATA_TITLES = {
    "lesion_size": "lesion size (tertiles of the reference's share of the image, per class)",
    "prediction": "the classifier's prediction",
    "confidence": "confidence (tertiles of the target's probability, per class)",
}


def comparison_tables(
    comparisons: pd.DataFrame,
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    useless: Collection[str] = (),
) -> list[Table]:
    """Lay out the paired tests: the primary ones, and the secondary ones among real explainers.

    Args:
        comparisons: comparisons.csv of one data set.
        statistics: alpha, margin, replicates, permutations, primary_binarization, as used.
        families: explainer → family.
        useless: classifiers from which no conclusion is drawn: the table states it in its place.

    Returns:
        Up to two tables. The secondary one has the other metrics of the primary binarization and
        of the maps under the default protocol; all other comparisons are in comparisons.csv.
    """
    shown = keep_test_split(comparisons)
    others = [name for name, family in families.items() if not explains(family)]
    explaining = ~shown["explainer_a"].isin(others) & ~shown["explainer_b"].isin(others)
    near = shown["binarization"].isin([statistics["primary_binarization"], NO_BINARIZATION])
    near &= (shown["protocol"] == DEFAULT_PROTOCOL) & (shown["family"] == "secondary")
    blocks = [
        ("Primary comparisons", "primary", shown[shown["family"] == "primary"]),
        ("Secondary comparisons of explainers", "secondary", shown[near & explaining]),
    ]
    return [
        _comparison_table(title, label, rows, statistics, useless)
        for title, label, rows in blocks
        if len(rows)
    ]


def _comparison_table(
    title: str,
    label: str,
    rows: pd.DataFrame,
    statistics: Mapping[str, Any],
    useless: Collection[str],
) -> Table:
    cells: list[list[str]] = []
    rules: set[int] = set()
    for _, part in rows.groupby(["classifier", "class", "binarization", "metric"], sort=False):
        rules.add(len(cells))
        for row in part.to_dict("records"):
            values = row["mean_difference"], row["ci_low"], row["ci_high"]
            cells.append(
                [
                    row["classifier"],
                    row["class"],
                    metric_title(row["metric"]),
                    row["explainer_a"],
                    row["explainer_b"],
                    "not drawn"
                    if row["classifier"] in useless
                    else CONCLUSIONS.get(row["conclusion"], row["conclusion"]),
                    str(int(row["n"])),
                    str(int(row["n_patients"])),
                    with_interval(*values, digits_of(row["metric"], *values)),
                    value_of("effect_size", row["effect_size"]),
                    p_cell(row["p_adjusted"]),
                    p_cell(row["p_permutation_adjusted"]),
                ]
            )
    unit = rows["unit_of_analysis"].iloc[0]
    header = ["Classifier", "Class", "Metric", "A", "B", "Conclusion", "n", f"n {unit}s"]
    header += ["A − B", "rank-biserial", "p (Wilcoxon)", "p (sign flips)"]
    binarizations = [name for name in rows["binarization"].unique() if name != NO_BINARIZATION]
    notes = [
        f"{label.capitalize()} comparisons. {unit_note(unit)} Mean difference of the units' means "
        f"[{confidence(statistics)}, {statistics['replicates']} resamples]. "
        f"Both p are two-sided and Holm-adjusted over the pairs of one class and metric. "
        f"{statistics['permutations']} sign flips, or all where there are no more.",
        "“A higher” is about the value, whether high is good or not. It requires an adjusted "
        f"Wilcoxon p below {set_value(statistics['alpha'])} and an interval without 0. "
        "“Equivalent” requires a share whose interval is inside "
        f"±{set_value(statistics['margin'])}. “None shown” is not “no difference”.",
    ]
    if np.isinf(rows["mean_difference"].to_numpy(dtype=float)).any():
        notes.append(
            "∞: in some case the mask of one of the two is empty, and its distance infinite: no "
            "interval and no sign flips; Wilcoxon's test ranks such a difference above all others."
        )
    where = f"{rows['dataset'].iloc[0]}, {rows['split'].iloc[0]} split"
    of = f": binarization {', '.join(binarizations)}" if binarizations else ""
    return Table(f"{title} on {where}{of}", header, cells, 6, frozenset(rules - {0}), notes)


def strata_tables(
    strata: pd.DataFrame, statistics: Mapping[str, Any], families: Mapping[str, str], unit: str
) -> list[Table]:
    """Lay out the primary metric by lesion size, prediction and confidence.

    Args:
        strata: strata.csv of one data set.
        statistics: `primary`, alpha, replicates, as used.
        families: explainer → family.
        unit: unit of analysis.

    Returns:
        One table per stratum there is.
    """
    shown = keep_test_split(strata[strata["metric"] == statistics["primary"]])
    tables = []
    for stratum, levels in LEVELS.items():
        part = shown[shown["stratum"] == stratum]
        if part.empty:
            continue
        rows: list[list[str]] = []
        rules: set[int] = set()
        for (classifier, name), block in part.groupby(["classifier", "class"], sort=False):
            rules.add(len(rows))
            groups = dict(list(block.groupby("explainer", sort=False)))
            for explainer in by_family(list(groups), families):
                cells = [_level(groups[explainer], level) for level in levels]
                kind = family_title(explainer, families)
                rows.append([classifier, name, explainer, kind, *cells])
        first = part.iloc[0]
        title = (
            f"{metric_title(statistics['primary'])} by {STRATA_TITLES[stratum]} on "
            f"{first['dataset']}, {first['split']} split: binarization {first['binarization']}"
        )
        notes = [
            f"Mean over cases [{confidence(statistics)}] (n cases with a "
            f"value). {unit_note(unit)} Secondary; not tested."
        ]
        header = ["Classifier", "Class", "Explainer", "Family", *levels]
        tables.append(Table(title, header, rows, len(levels), frozenset(rules - {0}), notes))
    return tables


def _level(rows: pd.DataFrame, level: str) -> str:
    chosen = rows[rows["level"] == level]
    if chosen.empty:
        return ABSENT
    row = chosen.iloc[0]
    values = row["mean"], row["ci_low"], row["ci_high"]
    text = with_interval(*values, digits_of(row["metric"], *values))
    return f"{text} ({int(row['n'] - row['n_undefined'])})"


def model_tables(model: pd.DataFrame, statistics: Mapping[str, Any], unit: str) -> list[Table]:
    """Lay out the mixed model: terms per class, or why there are none.

    Args:
        model: mixed_model.csv of one data set.
        statistics: alpha, as used.
        unit: unit of analysis.

    Returns:
        One table, or none for an empty model.
    """
    shown = keep_test_split(model)
    if shown.empty:
        return []
    rows: list[list[str]] = []
    rules: set[int] = set()
    for name, part in shown.groupby("class", sort=False):
        rules.add(len(rows))
        for row in part.to_dict("records"):
            status = row["status"].replace("_", " ")
            note = f"{status}: {row['note']}" if row["note"] else status
            digits = digits_of("variance" if row["term"].startswith("variance") else row["term"])
            rows.append(
                [
                    name,
                    row["term"] or ABSENT,
                    note,
                    str(int(row["n"])),
                    str(int(row["n_patients"])),
                    with_interval(row["estimate"], row["ci_low"], row["ci_high"], digits),
                    p_cell(row["p_value"]),
                ]
            )
    first = shown.iloc[0]
    header = ["Class", "Term", "Fit", "n", f"n {unit}s", "Estimate", "p"]
    notes = [
        f"{metric_title(first['metric'])} ~ explainer × classifier, random intercept per case "
        "within patient (REML, treatment coding: the first explainer and classifier are the "
        f"intercept) [{confidence(statistics)}]. Secondary. "
        f"{unit_note(unit)} The numbers of a singular or unconverged fit are withheld."
    ]
    title = (
        f"Mixed model on {first['dataset']}, {first['split']} split: binarization "
        f"{first['binarization']}"
    )
    return [Table(title, header, rows, 4, frozenset(rules - {0}), notes)]
