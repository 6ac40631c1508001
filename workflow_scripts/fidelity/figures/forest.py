"""The primary result as a forest plot: one line per mean, with its interval and n."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    keep_test_split,
    of_classifier,
    pooled_classes,
)
from fidelity.figures.shared import style
from fidelity.metrics.registry import METRICS, title_of
from fidelity.presentation.titles import ordered, plain_title
from fidelity.presentation.wording import axis_title, digits_of, with_interval

GROUPS = {"real": "Explainers", "baseline": "Null baselines", "ceiling": "Ceilings"}
# Inches per line, and the largest height that fits on a page.
LINE, TALLEST = 0.27, 9.5
LABEL_LETTERS = 42


def draw(localization: str, classifier: str, metric: str, binarization: str) -> Figure:
    """Draw the primary metric in the primary setting.

    Args:
        classifier: whose rows to draw; those of explainers without a classifier are included.
    """
    rows = of_classifier(LOCALIZATION.read(localization), classifier)
    return plot(rows[rows["binarization"] == binarization], metric)


def plot(localization: pd.DataFrame, metric: str) -> Figure:
    """Draw one line per explainer: mean, interval, and both as text with n.

    Args:
        localization: rows of localization.csv of one data set, classifier and binarization,
            explainers without a classifier included; the test split and all classes together.

    Returns:
        The figure. Explainers come first, then null baselines, then ceilings; a dotted line marks
        the null baseline with the best mean.
    """
    shown = pooled_classes(keep_test_split(localization))
    shown = shown[(shown["metric"] == metric) & (shown["protocol"] == DEFAULT_PROTOCOL)]
    shown = shown[shown["class"] == shown["class"].iloc[0]] if len(shown) else shown
    rows = shown.drop_duplicates("explainer").set_index("explainer")
    if rows.empty:
        return style.message(f"No {title_of(metric)} was computed.")
    names = by_kind(rows.index)
    height = min(TALLEST, height_of(names) + 0.75)
    fig, ((axis, beside),) = style.figure(1, 2, height=height, sharey=True, width_ratios=[2.5, 2])
    beside.axis("off")
    looks = style.looks(names)
    nulls = [name for name in names if style.kind_of(name) == "baseline"]
    best = min if METRICS[metric].direction == "lower" else max
    if nulls and rows.loc[nulls, "mean"].notna().any():
        strongest = best(rows.loc[nulls, "mean"].dropna())
        axis.axvline(strongest, color=style.GREY, linewidth=0.9, linestyle=":", zorder=0)
        axis.text(strongest, -0.9, " best null baseline", va="center", fontsize=8, color=style.GREY)
    for name, place in label_lines(axis, names, -1.4, plain_title).items():
        row, look = rows.loc[name], looks[name]
        axis.plot([row["ci_low"], row["ci_high"]], [place, place], color=look.colour, linewidth=1.8)
        axis.plot(
            row["mean"], place, marker=look.marker, color=look.colour, markersize=6, linestyle=""
        )
        text = with_interval(row["mean"], row["ci_low"], row["ci_high"], digits_of(metric))
        _write(beside, place, text, str(int(row["n"] - row["n_undefined"])))
    _write(beside, -0.9, "Mean [interval]", "n", color=style.GREY)
    if METRICS[metric].unit == "1":
        axis.set_xlim(left=min(0.0, axis.get_xlim()[0]))
    axis.set_xlabel(f"Mean {axis_title(metric)}")
    return fig


def by_kind(explainers: Iterable[str]) -> list[str]:
    """Sort explainers for `label_lines`: by kind, then in their display order."""
    return sorted(ordered(list(explainers)), key=lambda name: [*GROUPS].index(style.kind_of(name)))


def height_of(names: Sequence[str]) -> float:
    """Return the height in inches that the lines of `label_lines` need."""
    return LINE * (len(names) + len(set(map(style.kind_of, names))))


def label_lines(
    axis: Axes, names: Sequence[str], top: float, title: Callable[[str], str]
) -> dict[str, int]:
    """Label the y axis, which begins at `top`: one line per explainer and per heading."""
    labels: list[str] = []
    places = {}
    for kind, part in groupby(names, style.kind_of):
        labels.append(GROUPS[kind])
        for name in part:
            places[name] = len(labels)
            labels.append(style.short(title(name), LABEL_LETTERS))
    axis.set_yticks(range(len(labels)), labels)
    for line, tick in enumerate(axis.get_yticklabels()):
        tick.set_fontstyle("normal" if line in places.values() else "italic")
    axis.set_ylim(len(labels) - 0.5, top)
    without_line(axis)
    return places


def without_line(axis: Axes) -> None:
    """Remove the line and the ticks of the y axis."""
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)


def _write(axis: Any, line: float, value: str, n: str, **how: Any) -> None:
    how |= {"va": "center", "fontsize": 8, "transform": axis.get_yaxis_transform()}
    axis.text(0, line, value, **how)
    axis.text(1, line, n, ha="right", **how)
