"""Tables of paired tests, strata and the mixed model."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.comparisons import HOLM_WITHIN
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_BINARIZATION,
    keep_test_split,
    pooled_classes,
)
from fidelity.analysis.strata import FEW, LEVELS, level_names
from fidelity.explainers.registry import explains
from fidelity.metrics.registry import title_of
from fidelity.presentation import titles
from fidelity.presentation.wording import (
    ABSENT,
    class_title,
    confidence,
    listed,
    metric_title,
    p_cell,
    unit_note,
    value_of,
)
from fidelity.tables.layout import (
    Section,
    Table,
    by_explainer,
    conclusion_cell,
    facts_of,
    interval_cell,
    lay_out,
)

# Mark after a number of cases that is too small.
FEW_MARK = "†"
CONCLUSIONS = {
    "a_higher": "A higher",
    "b_higher": "B higher",
    "equivalent": "equivalent",
    "none_shown": "no difference shown",
}


def comparison_tables(
    comparisons: pd.DataFrame,
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    useless: Collection[str] = (),
) -> list[Table]:
    """Lay out the paired tests: primary tests of explainers, all primary ones, secondary ones.

    Args:
        statistics: alpha, margin, replicates, permutations, primary_binarization, as used.
        useless: classifiers that allow no conclusion: the table states this instead of one.

    Returns:
        Up to three tables. The first has the pairs that explain the classifier, all classes
        together. The last has the other metrics of the primary binarization and of the maps under
        the default protocol; all other comparisons are in comparisons.csv.
    """
    shown = keep_test_split(comparisons)
    others = [name for name, family in families.items() if not explains(family)]
    explaining = ~shown["explainer_a"].isin(others) & ~shown["explainer_b"].isin(others)
    # All pairs that one correction of p covers, also those that a table does not show.
    shown = shown.assign(pairs=shown.groupby(HOLM_WITHIN)["p_value"].transform("count"))
    near = shown["binarization"].isin([statistics["primary_binarization"], NO_BINARIZATION])
    near &= (shown["protocol"] == DEFAULT_PROTOCOL) & (shown["family"] == "secondary")
    primary = shown["family"] == "primary"
    blocks: list[tuple[str, Section, pd.DataFrame]] = [
        ("explainers", "pairs", pooled_classes(shown[primary & explaining])),
        ("primary", "comparisons", shown[primary]),
        ("secondary", "comparisons", shown[near & explaining]),
    ]
    return [
        _comparison_table(part, section, rows, statistics, useless)
        for part, section, rows in blocks
        if len(rows)
    ]


def _comparison_table(
    part: str,
    section: Section,
    rows: pd.DataFrame,
    statistics: Mapping[str, Any],
    useless: Collection[str],
) -> Table:
    cells: list[list[str]] = []
    headings: dict[int, str] = {}
    alpha = statistics["alpha"]
    unit = rows["unit_of_analysis"].iloc[0]
    several = unit == "patient" or bool((rows["n_patients"] < rows["n"]).any())
    keys = ["classifier", "class", "binarization", "metric"]
    for (classifier, name, _, metric), block in rows.groupby(keys, sort=False):
        who = f"{titles.classifier_title(classifier)}, {class_title(name)}"
        headings[len(cells)] = f"{who}: {metric_title(metric)}"
        cells += [
            [
                titles.explainer_title(row["explainer_a"]),
                titles.explainer_title(row["explainer_b"]),
                f"{int(row['n_patients'])}" + f" ({int(row['n'])})" * several,
                interval_cell(row, row["metric"], ("mean_difference", "ci_low", "ci_high")),
                value_of("effect_size", row["effect_size"]),
                p_cell(row["p_adjusted"], alpha),
                p_cell(row["p_permutation_adjusted"], alpha),
                conclusion_cell(
                    row["mean_difference"],
                    "not drawn"
                    if classifier in useless
                    else CONCLUSIONS.get(row["conclusion"], row["conclusion"]),
                ),
            ]
            for row in block.to_dict("records")
        ]
    corrected = rows.groupby(HOLM_WITHIN)["pairs"].agg(["size", "first"])
    header = ["A", "B", f"n {unit}s" + " (cases)" * several, "A − B"]
    header += ["rank-biserial", "p (Wilcoxon)", "p (sign flips)", "Conclusion"]
    binarizations = [key for key in rows["binarization"].unique() if key != NO_BINARIZATION]
    return lay_out(
        "comparisons",
        header,
        cells,
        6,
        headings,
        section=section,
        file=f"comparisons-{part}",
        classifiers=rows["classifier"],
        part=part,
        **facts_of(rows),
        binarizations=listed(map(titles.binarization_title, binarizations)),
        unit=unit_note(unit),
        several=several,
        interval=confidence(statistics),
        statistics=statistics,
        pairs=corrected["first"].iloc[0] if corrected["first"].nunique() == 1 else None,
        hidden=bool((corrected["size"] < corrected["first"]).any()),
        infinite=bool((~np.isfinite(rows["mean_difference"]) & (rows["n"] > 0)).any()),
    )


def strata_tables(
    strata: pd.DataFrame,
    statistics: Mapping[str, Any],
    families: Mapping[str, str],
    unit: str,
    requested: Sequence[str] = (),
) -> list[Table]:
    """Lay out the primary metric by lesion size, prediction, confidence and requested strata.

    Args:
        requested: the setting `strata`. If it is not empty, all tables mark means over fewer than
            FEW cases.
    """
    shown = keep_test_split(strata[strata["metric"] == statistics["primary"]])
    few = FEW if requested else 0
    tables = []
    for stratum in (*LEVELS, *requested):
        part = shown[shown["stratum"] == stratum]
        if part.empty:
            continue
        levels = level_names(stratum, part["level"])
        rows: list[list[str]] = []
        headings: dict[int, str] = {}
        for (classifier, name), block in part.groupby(["classifier", "class"], sort=False):
            headings[len(rows)] = f"{titles.classifier_title(classifier)}, {class_title(name)}"
            rows += [
                [*who, *(_level(own, level, few) for level in levels)]
                for who, own in by_explainer(block, families)
            ]
        table = lay_out(
            "strata",
            ["Method", "Family", *levels],
            rows,
            len(levels),
            headings,
            section="strata",
            file=f"strata-{stratum}",
            classifiers=part["classifier"],
            metric=title_of(statistics["primary"]),
            stratum=stratum,
            **facts_of(part),
            binarization=titles.binarization_title(part["binarization"].iloc[0]),
            interval=confidence(statistics),
            unit=unit_note(unit),
            few=few if any(FEW_MARK in cell for row in rows for cell in row) else 0,
            mark=FEW_MARK,
        )
        tables.append(table)
    return tables


def _level(rows: pd.DataFrame, level: str, few: int) -> str:
    chosen = rows[rows["level"] == level]
    if chosen.empty:
        return ABSENT
    row = chosen.iloc[0]
    text = interval_cell(row, row["metric"])
    n = int(row["n"] - row["n_undefined"])
    return f"{text} ({n}{FEW_MARK if n < few else ''})"


def model_tables(model: pd.DataFrame, statistics: Mapping[str, Any], unit: str) -> list[Table]:
    """Lay out the mixed model: terms per class, or the reason why there are none.

    Returns:
        A list with one table; empty for an empty model.
    """
    shown = keep_test_split(model)
    if shown.empty:
        return []
    rows: list[list[str]] = []
    headings: dict[int, str] = {}
    for name, part in shown.groupby("class", sort=False):
        headings[len(rows)] = class_title(name)
        for row in part.to_dict("records"):
            status = row["status"].replace("_", " ")
            if row["status"] == "too_few":
                status += f": {row['note']}"
            quantity = "variance" if row["term"].startswith("variance") else row["term"]
            rows.append(
                [
                    _term(row["term"]) or ABSENT,
                    status,
                    str(int(row["n"])),
                    str(int(row["n_patients"])),
                    interval_cell(row, quantity, ("estimate", "ci_low", "ci_high"), decide=0),
                    p_cell(row["p_value"], statistics["alpha"]),
                ]
            )
    first = shown.iloc[0]
    header = ["Term", "Fit", "n scores", f"n {unit}s", "Estimate", "p"]
    table = lay_out(
        "mixed_model",
        header,
        rows,
        4,
        headings,
        section="strata",
        file="mixed-model",
        metric=title_of(first["metric"]),
        **facts_of(shown),
        binarization=titles.binarization_title(first["binarization"]),
        interval=confidence(statistics),
        unit=unit_note(unit),
    )
    notes = filter(None, map(_note, dict.fromkeys(shown.loc[shown["status"] == "ok", "note"])))
    return [replace(table, notes=[*table.notes, *notes])]


def _note(note: str) -> str:
    """Write the note of a fit as a sentence, with titles of the explainers and classifiers."""

    def title(found: re.Match[str]) -> str:
        return found[1] + ", ".join(map(titles.classifier_title, found[2].split(", ")))

    def first(found: re.Match[str]) -> str:
        classifier = f" with {titles.classifier_title(found[3])}" if found[3] else ""
        return f"{found[1]}{titles.explainer_title(found[2])}{classifier}"

    note = re.sub(r"(drawn from them: )(.*)$", title, note)
    note = re.sub(r"(mean of )([^ ;]+)(?: with ([^ ;]+))?", first, note)
    return f"{note[:1].upper()}{note[1:]}." if note else ""


def _term(term: str) -> str:
    """Write a term of the model with titles: `explainer[T.lime]` becomes "Explainer: LIME"."""

    def title(found: re.Match[str]) -> str:
        of = {"explainer": titles.explainer_title, "classifier": titles.classifier_title}
        return f"{found[1].capitalize()}: {of[found[1]](found[2])}"

    return re.sub(r"(explainer|classifier)\[T\.(.*?)\]", title, term.replace("]:", "] × "))
