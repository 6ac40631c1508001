"""Similarity between a map and its repetition as more of the network is randomised."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fidelity.analysis.columns.checks import SANITY
from fidelity.analysis.localization import keep_test_split
from fidelity.figures.shared import style
from fidelity.presentation.titles import explainer_title

TITLES = {
    "spearman": "Rank correlation",
    "abs_spearman": "Rank correlation of |map|",
    "ssim": "SSIM",
}
# Horizontal distance of the explainers' points at one depth, and their widest spread, in depths.
OFFSET, WIDEST = 0.05, 0.5


def draw(sanity: str, classifier: str) -> Figure:
    """Draw sanity.csv of a data set, only the rows of `classifier`."""
    table = SANITY.read(sanity).astype({"depth": int})
    return plot(table[table["classifier"] == classifier])


def plot(sanity: pd.DataFrame) -> Figure:
    """Draw one panel per similarity: one line per explainer over the depths, and the other class.

    Args:
        sanity: sanity.csv, one classifier's rows.

    Returns:
        The figure. Depth 0 is the trained network, where each map equals itself. Ticks name the
        first layer that is random.
    """
    shown = keep_test_split(sanity)
    names = [
        name for name in TITLES if shown.loc[shown["similarity"] == name, "mean"].notna().any()
    ]
    if not names:
        return style.message("No explainer was checked, or no check has a value.")
    last = int(shown["depth"].max())
    looks = style.looks(shown["explainer"])
    fig, axes = style.figure(1, len(names), height=3.4 + 0.2 * -(-len(looks) // 4), sharey=True)
    for axis, name in zip(axes[0], names, strict=True):
        rows = shown[shown["similarity"] == name]
        spread = min(OFFSET * (len(looks) - 1), WIDEST)
        shifts = np.linspace(-spread / 2, spread / 2, len(looks))
        for (explainer, look), shift in zip(looks.items(), shifts, strict=True):
            _draw_one(axis, rows[rows["explainer"] == explainer], explainer, look, shift, last)
        axis.axhline(0, color=style.GREY, linewidth=0.6, zorder=0)
        axis.set_title(TITLES[name], loc="left")
        _name_depths(axis, rows, last)
    axes[0, 0].set_ylabel("Similarity to the own map\n(1 = unchanged)")
    # One label for all panels, because it is wider than a panel.
    middle = axes[0, len(names) // 2]
    middle.set_xlabel("First layer with random weights; all after it are random too")
    style.legend_below(fig, axes[0, 0].get_legend_handles_labels()[0], 4)
    return fig


def _draw_one(
    axis: Axes, rows: pd.DataFrame, explainer: str, look: style.Look, shift: float, last: int
) -> None:
    cascade = rows[rows["test"] == "parameters"].sort_values("depth")
    points = {"color": look.colour, "marker": look.marker, "markersize": 4, "capsize": 2}
    if len(cascade):
        start = pd.DataFrame({"depth": [0], "mean": [1.0], "ci_low": [np.nan], "ci_high": [np.nan]})
        cascade = pd.concat([start, cascade[list(start.columns)]])
        places = cascade["depth"] + shift
        axis.errorbar(
            places,
            cascade["mean"],
            yerr=style.interval_errors(cascade),
            linestyle=look.dash,
            **points,
        )
    other = rows[rows["test"] == "logit"]
    if len(other):
        place = [last + 1 + shift]
        axis.errorbar(
            place, other["mean"], yerr=style.interval_errors(other), linestyle="none", **points
        )
    # One legend entry, whichever of the two was drawn.
    axis.plot(
        [],
        [],
        color=look.colour,
        marker=look.marker,
        linestyle=look.dash,
        label=explainer_title(explainer),
    )


def _name_depths(axis: Axes, rows: pd.DataFrame, last: int) -> None:
    depths = rows[rows["test"] == "parameters"].drop_duplicates("depth").sort_values("depth")
    places, labels = [], []
    if len(depths):
        places, labels = [0, *depths["depth"]], ["trained", *depths["layer"]]
    if (rows["test"] == "logit").any():
        places.append(last + 1)
        labels.append("other class")
        if len(depths):
            axis.axvline(last + 0.5, color=style.GREY, linewidth=0.6, linestyle=":")
    axis.set_xticks(places, [style.short(label) for label in labels], rotation=90)
