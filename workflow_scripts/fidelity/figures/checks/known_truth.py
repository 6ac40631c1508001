"""Pixel AUC against the planted mark and against the lesion, one row per explainer."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from fidelity.analysis.columns.checks import KNOWN_TRUTH
from fidelity.analysis.localization import of_classifier
from fidelity.figures.shared import style
from fidelity.known_truth.two_truths import TRUTHS
from fidelity.presentation.titles import explainer_title

# Filled for the mark, hollow for the lesion, so that colour is not needed to tell them apart.
LOOKS = {
    "mark": ("#D55E00", "o", "#D55E00", "planted mark (what the classifier uses)"),
    "lesion": ("#0072B2", "s", "white", "lesion (which it does not use)"),
}
OFFSET = {"mark": -0.14, "lesion": 0.14}
TITLES = {
    "perturbation": "Perturbation",
    "cam": "CAM",
    "gradient": "Gradient",
    "imported": "Imported",
    "baseline": "Null\nbaselines",
    "ceiling": "Ceilings",
}


def draw(known_truth: str, classifier: str) -> Figure:
    """Draw known_truth.csv of a data set, with explainers that need no classifier."""
    return plot(of_classifier(KNOWN_TRUTH.read(known_truth), classifier))


def plot(table: pd.DataFrame) -> Figure:
    """Draw a dot with its interval for each explainer and each of the two masks.

    Args:
        table: known_truth.csv, rows of one classifier and of the explainers without one.
    """
    if table.empty or table["auc_mark"].isna().all():
        return style.message("No explainer was scored against the planted mark.")
    place = {family: number for number, family in enumerate(TITLES)}
    rows = table.assign(place=table["family"].map(place)).sort_values(
        ["place", "auc_mark"], ascending=[True, False], kind="stable"
    )
    height = 1.2 + 0.21 * len(rows)
    fig, axes = style.figure(height=height)
    axis = axes[0, 0]
    for y, row in enumerate(rows.to_dict("records")):
        for truth in TRUTHS:
            _dot(axis, row, truth, y + OFFSET[truth])
    axis.axvline(0.5, color=style.GREY, linewidth=0.8, linestyle="--", zorder=0)
    axis.set_yticks(
        range(len(rows)), [style.short(explainer_title(name), 36) for name in rows["explainer"]]
    )
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlim(0, 1.02)
    axis.set_xlabel("Mean pixel ROC-AUC with interval (higher: the map marks it; dashed: chance)")
    _separate(axis, list(rows["family"]))
    by_label = {handle.get_label(): handle for handle in axis.get_legend_handles_labels()[0]}
    style.legend_below(fig, list(by_label.values()), 2)
    return fig


def _dot(axis, row: Mapping, truth: str, y: float) -> None:
    colour, marker, face, label = LOOKS[truth]
    low, high = row[f"auc_{truth}_low"], row[f"auc_{truth}_high"]
    axis.plot([low, high], [y, y], color=colour, linewidth=1.2, zorder=1)
    axis.plot(
        row[f"auc_{truth}"],
        y,
        marker=marker,
        color=colour,
        markerfacecolor=face,
        markersize=4.5,
        linestyle="none",
        label=label,
        zorder=2,
    )


def _separate(axis, families: list[str]) -> None:
    """Draw lines between families and write each family's name at the right."""
    starts = [i for i, name in enumerate(families) if i == 0 or families[i - 1] != name]
    for start, end in zip(starts, [*starts[1:], len(families)], strict=True):
        if start:
            axis.axhline(start - 0.5, color="#BBBBBB", linewidth=0.7, zorder=0)
        axis.text(
            1.03,
            (start + end - 1) / 2,
            TITLES.get(families[start], families[start]),
            transform=axis.get_yaxis_transform(),
            va="center",
            fontsize=8,
            color=style.GREY,
        )
