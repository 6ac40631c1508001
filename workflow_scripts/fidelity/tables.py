"""Formatted tables of a study: Markdown, LaTeX (booktabs) and a small HTML page.

A table is laid out once as text; the three writers only escape and frame it. No value is set in
bold: a "best" would need a test behind it, and those stand in comparisons.csv.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fidelity.errors import InputError
from fidelity.metrics.registry import METRICS
from fidelity.summary import LOCALIZATION, NO_CLASSIFIER, ON_EMPTY_REFERENCES, keep_test_split

NULL_BASELINE = "null baseline"
# Metrics that a formatted table shows, in this order, as far as they were computed.
SHOWN = [
    "iou",
    "iou_nan",
    "dice",
    "precision",
    "recall",
    "hausdorff_full",
    "hausdorff_boundary",
    "hd95_boundary",
]
CLASSIFICATION_TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "auc": "AUC",
    "macro_auc": "Macro-AUC",
    "macro_f1": "Macro-F1",
    "ece": "ECE",
    "support": "Support",
}
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
    "−": r"\ensuremath{-}",
    "“": "``",
    "”": "''",
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
}


@dataclass(frozen=True)
class Table:
    """A laid-out table.

    Attributes:
        title: one line.
        header: column titles.
        rows: cells as text, unescaped.
        numeric: number of columns, from the right, that are right-aligned.
        rules_before: indices of rows before which a thin line is drawn.
        notes: sentences under the table.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    numeric: int
    rules_before: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)


def read_results(path: str | Path, numeric: Sequence[str]) -> pd.DataFrame:
    """Read a results table with names kept as they are written ("NA" and "001" stay text).

    Args:
        path: CSV file.
        numeric: columns of numbers, where an empty cell means nan; all others are text.

    Returns:
        The table.

    Raises:
        InputError: a column is absent.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name in numeric:
        if name not in table.columns:
            raise InputError("the table lacks this column", file=path, field=name)
        table[name] = pd.to_numeric(table[name].replace("", np.nan))
    return table


# From its first count on, the contract's columns are numbers.
LOCALIZATION_NUMBERS = LOCALIZATION[LOCALIZATION.index("n") :]
CLASSIFICATION_NUMBERS = ["value", "n"]


def escape_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that a spreadsheet would run as a formula.

    Args:
        table: any table; only its text columns are touched.

    Returns:
        A copy in which no text cell starts with =, +, -, @, tab or carriage return.
    """
    table = table.copy()
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = [
                f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
                for cell in table[name]
            ]
    return table


def localization_tables(
    localization: pd.DataFrame,
    statistics: Mapping[str, Any],
    scoring_size: str,
    empty: Mapping[str, Any],
) -> list[Table]:
    """Lay out one table per binarization and protocol: explainers by class, test split.

    Args:
        localization: localization.csv of one data set.
        statistics: replicates, alpha, cluster, as they were used.
        scoring_size: `original` or `working`.
        empty: what a score is where a mask is empty, as it was used.

    Returns:
        The tables, in the order of the file.
    """
    shown = keep_test_split(localization)
    confidence = f"{100 * (1 - statistics['alpha']):g} %"
    metrics = [name for name in SHOWN if (shown["metric"] == name).any()]
    unit = str(statistics["cluster"])
    if unit == "patient" and (shown["n_patients"] == shown["n"]).all():
        unit = "image (no patient has two, or the data set does not know its patients)"
    notes = [
        f"Mean over cases [{confidence} interval]: percentile bootstrap of "
        f"{statistics['replicates']} resamples, unit of resampling: {unit}.",
        f"Masks are scored at the {scoring_size} image size. n: cases with a non-empty reference; "
        "(n = …) beside a value: cases with a defined value, where these are fewer.",
        _empty_note(empty),
        f"A {NULL_BASELINE} knows nothing of the classifier.",
    ]
    tables = []
    keys = ["dataset", "split", "binarization", "protocol"]
    for (dataset, split, binarization, protocol), block in shown.groupby(keys, sort=False):
        rows: list[list[str]] = []
        rules: set[int] = set()
        # The null baselines last, all else in the order of the config.
        named = block["classifier"] != NO_CLASSIFIER
        ordered = pd.concat([block[named], block[~named]])
        for name in block["class"].unique():
            of_class = ordered[ordered["class"] == name]
            for classifier in of_class["classifier"].unique():
                rules.add(len(rows))
                part = of_class[of_class["classifier"] == classifier]
                for explainer, cells in part.groupby("explainer", sort=False):
                    label = NULL_BASELINE if classifier == NO_CLASSIFIER else classifier
                    rows.append([name, label, explainer, *_localization_cells(cells, metrics)])
        header = ["Class", "Classifier", "Explainer", "n", "empty pred.", "empty ref."]
        header += [_metric_title(metric) for metric in metrics]
        tables.append(
            Table(
                f"Localization on {dataset}, {split} split: binarization {binarization}, "
                f"protocol {protocol}",
                header,
                rows,
                len(header) - 3,
                frozenset(rules - {0}),
                notes,
            )
        )
    return tables


def classification_table(classification: pd.DataFrame) -> Table:
    """Lay out the quality of the classifiers: one row per classifier and class.

    Args:
        classification: classification.csv of one data set.

    Returns:
        The table; "–" where a measure is not one of that class.
    """
    shown = keep_test_split(classification)
    order = list(CLASSIFICATION_TITLES)
    known = [name for name in order if (shown["metric"] == name).any()]
    metrics = known + [name for name in shown["metric"].unique() if name not in known]
    rows: list[list[str]] = []
    rules: set[int] = set()
    for classifier, of_classifier in shown.groupby("classifier", sort=False):
        rules.add(len(rows))
        for name, part in of_classifier.groupby("class", sort=False):
            values = part.set_index("metric")["value"]
            cells = [_number(metric, values.get(metric, np.nan)) for metric in metrics]
            rows.append([str(classifier), str(name), str(int(part["n"].max())), *cells])
    datasets = ", ".join(shown["dataset"].unique())
    splits = ", ".join(shown["split"].unique())
    header = [
        "Classifier",
        "Class",
        "n",
        *(CLASSIFICATION_TITLES.get(name, name) for name in metrics),
    ]
    notes = ["Measures of class “all” are over all cases; ECE: expected calibration error."]
    title = f"Classification on {datasets}, {splits} split"
    return Table(title, header, rows, len(header) - 2, frozenset(rules - {0}), notes)


def to_markdown(tables: Sequence[Table]) -> str:
    """Write tables as GitHub Markdown, names escaped."""
    parts = []
    for table in tables:
        split = len(table.header) - table.numeric
        align = ["---" if index < split else "---:" for index in range(len(table.header))]
        lines = [f"**{_markdown(table.title)}**", "", _pipes(map(_markdown, table.header))]
        lines.append(_pipes(align))
        lines += [_pipes(map(_markdown, row)) for row in table.rows]
        parts.append("\n".join([*lines, "", *(_markdown(note) + "  " for note in table.notes)]))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def to_latex(tables: Sequence[Table]) -> str:
    """Write tables as LaTeX `table` environments; they need the packages booktabs and graphicx."""
    parts = ["% Needs \\usepackage{booktabs} and \\usepackage{graphicx}."]
    for table in tables:
        split = len(table.header) - table.numeric
        lines = [
            r"\begin{table}[htbp]",
            r"\centering",
            rf"\caption{{{latex(table.title)}.}}",
            # Shrunk only if wider than the text.
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{'l' * split}{'r' * table.numeric}}}",
            r"\toprule",
            " & ".join(map(latex, table.header)) + r" \\",
            r"\midrule",
        ]
        for index, row in enumerate(table.rows):
            if index in table.rules_before:
                lines.append(r"\midrule")
            # \relax keeps a cell that starts with [ from being read as an argument of \\.
            lines.append(r"\relax " + " & ".join(map(latex, row)) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}}", r"\par\smallskip"]
        lines += [r"\begin{minipage}{\linewidth}\footnotesize"]
        lines += [latex(note) for note in table.notes]
        lines += [r"\end{minipage}", r"\end{table}"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def to_html(tables: Sequence[Table], title: str) -> str:
    """Write tables as one standalone page without scripts or outside resources."""
    body = []
    for table in tables:
        split = len(table.header) - table.numeric
        lines = [f"<h2>{html.escape(table.title)}</h2>", "<table>", "<thead>"]
        lines += [_html_row("th", table.header, split, ""), "</thead>", "<tbody>"]
        for index, row in enumerate(table.rows):
            mark = ' class="rule"' if index in table.rules_before else ""
            lines.append(_html_row("td", row, split, mark))
        lines += ["</tbody>", "</table>"]
        lines += [f"<p>{html.escape(note)}</p>" for note in table.notes]
        body.append("\n".join(lines))
    style = (
        "body{font:15px/1.4 system-ui,sans-serif;margin:2em;color:#111}"
        "table{border-collapse:collapse;border-top:2px solid;border-bottom:2px solid}"
        "th,td{padding:.25em .7em;text-align:left;white-space:nowrap}"
        "thead{border-bottom:1px solid}.num{text-align:right;font-variant-numeric:tabular-nums}"
        ".rule{border-top:1px solid #999}p{max-width:60em;margin:.4em 0;color:#444}"
    )
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{style}</style>'
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n'
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def latex(text: str) -> str:
    """Escape LaTeX's special characters."""
    return "".join(_LATEX.get(character, character) for character in str(text))


def _markdown(text: str) -> str:
    """Escape what Markdown or the HTML inside it would interpret."""
    text = html.escape(str(text), quote=False)
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", text).replace("\n", " ")


def _pipes(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _html_row(tag: str, cells: Sequence[str], split: int, mark: str) -> str:
    parts = []
    for index, cell in enumerate(cells):
        kind = ' class="num"' if index >= split else ""
        parts.append(f"<{tag}{kind}>{html.escape(cell)}</{tag}>")
    return f"<tr{mark}>{''.join(parts)}</tr>"


def _localization_cells(rows: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    by_metric = rows.set_index("metric")
    # False-positive area is counted over other cases.
    first = by_metric[~by_metric.index.isin(ON_EMPTY_REFERENCES)].iloc[0]
    cells = [str(int(first[name])) for name in ("n", "n_empty_prediction", "n_empty_reference")]
    for metric in metrics:
        if metric not in by_metric.index:
            cells.append("–")
            continue
        row = by_metric.loc[metric]
        digits = 1 if row["unit"] == "px" else 3
        cells.append(_estimate(row, digits))
    return cells


def _estimate(row: pd.Series, digits: int) -> str:
    if np.isnan(row["mean"]):
        return "–"
    text = f"{row['mean']:.{digits}f}"
    if not np.isnan(row["ci_low"]):
        text += f" [{row['ci_low']:.{digits}f}, {row['ci_high']:.{digits}f}]"
    if row["n_undefined"] > 0:
        text += f" (n = {int(row['n'] - row['n_undefined'])})"
    return text.replace("-", "−")


def _metric_title(metric: str) -> str:
    known = METRICS[metric]
    unit = ", px" if known.unit == "px" else ""
    return f"{known.title}{unit} {'↑' if known.direction == 'higher' else '↓'}"


def _empty_note(empty: Mapping[str, Any]) -> str:
    """State the policy in the config's own words."""
    values = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in empty.items())
    if not any(key.startswith("overlap_prediction") for key in empty):
        values = "; ".join([*filter(None, [values]), "overlap of an empty prediction: 0"])
    return (
        f"Empty masks: {values}. Cases with an empty reference are counted, not averaged. Columns "
        "over predicted cases leave empty predictions out, which rewards a method that predicts "
        "nothing."
    )


def _number(metric: str, value: float) -> str:
    if np.isnan(value):
        return "–"
    return str(int(value)) if metric == "support" else f"{value:.3f}"
