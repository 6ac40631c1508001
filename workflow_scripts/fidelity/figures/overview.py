"""Mean score with its interval per explainer, for several data sets side by side."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fidelity.analysis.localization import ALL_CLASSES, NO_CLASSIFIER, keep_test_split
from fidelity.figures.shared import style
from fidelity.metrics.registry import title_of
from fidelity.presentation.titles import (
    binarization_title,
    classifier_title,
    dataset_title,
    explainer_title,
    ordered,
)
from fidelity.presentation.wording import axis_title

BINARIZATION_MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]


def plot(
    localization: pd.DataFrame,
    metric: str = "iou",
) -> Figure:
    """Draw a panel per data set: a line per classifier and explainer, a mark per binarization.

    Args:
        localization: rows of localization.csv of several data sets, in the order of the config;
            the test split, all annotated classes together, the first protocol.
    """
    shown = keep_test_split(localization)
    shown = shown[shown["metric"] == metric]
    if shown.empty:
        return style.message(f"No {title_of(metric)} was computed.")
    shown = shown[shown["protocol"] == shown["protocol"].iloc[0]]
    datasets = list(shown["dataset"].unique())
    binarizations = list(shown["binarization"].unique())
    appearance = style.looks(shown["explainer"])
    lines = shown.groupby("dataset")[["classifier", "explainer"]].apply(
        lambda part: len(part.drop_duplicates())
    )
    per_row = min(2, len(datasets))
    rows = -(-len(datasets) // per_row)
    height = 1.1 + rows * (0.6 + 0.075 * (len(binarizations) + 2) * int(lines.max()))
    fig, axes = style.figure(rows, per_row, height=height, sharex=True)
    for axis, dataset in zip(axes.flat, datasets, strict=False):
        _panel(axis, shown[shown["dataset"] == dataset], binarizations, appearance)
        axis.set_title(style.short(dataset_title(dataset), 44), loc="left")
    if (shown["ci_low"].fillna(0) >= 0).all():
        axes[0, 0].set_xlim(left=0)
    for axis in axes.flat[len(datasets) :]:
        axis.axis("off")
    for axis in axes.flat[: len(datasets)][-per_row:]:
        axis.set_xlabel(f"Mean {axis_title(metric)}")
        axis.xaxis.set_tick_params(labelbottom=True)
    handles = [
        Line2D(
            [],
            [],
            color=style.GREY,
            marker=marker,
            linestyle="none",
            markersize=5,
            label=binarization_title(name),
        )
        for marker, name in zip(_markers(len(binarizations)), binarizations, strict=True)
    ]
    style.legend_below(fig, handles, 4, title="Binarization")
    return fig


def _panel(axis, rows: pd.DataFrame, binarizations: list[str], appearance) -> None:
    pooled = rows[rows["class"] == ALL_CLASSES]
    rows = pooled if len(pooled) else rows[rows["class"] == rows["class"].iloc[0]]
    named = rows["classifier"] != NO_CLASSIFIER
    rows = pd.concat([rows[named], rows[~named]])
    # By classifier, then explainers in their display order; those without a classifier come last.
    pairs = [
        (classifier, explainer)
        for classifier, part in rows.groupby("classifier", sort=False)
        for explainer in ordered(list(part["explainer"].unique()))
    ]
    offsets = np.linspace(-0.27, 0.27, len(binarizations)) if len(binarizations) > 1 else [0.0]
    for name, offset, marker in zip(
        binarizations, offsets, _markers(len(binarizations)), strict=True
    ):
        for row in rows[rows["binarization"] == name].itertuples():
            y = pairs.index((row.classifier, row.explainer)) + offset
            colour = appearance[row.explainer].colour
            axis.plot([row.ci_low, row.ci_high], [y, y], color=colour, linewidth=1.3)
            axis.plot(row.mean, y, marker=marker, color=colour, markersize=5, linestyle="none")
    several = rows.loc[named, "classifier"].nunique() > 1
    labels = [
        style.wrapped(explainer_title(explainer), 24)
        + (f"\n({style.short(classifier_title(classifier), 24)})" if several else "")
        for classifier, explainer in pairs
    ]
    axis.set_yticks(range(len(pairs)), labels)
    axis.set_ylim(len(pairs) - 0.5, -0.5)
    for edge in np.arange(0.5, len(pairs) - 1):
        axis.axhline(edge, color="#DDDDDD", linewidth=0.6, zorder=0)


def _markers(number: int) -> list[str]:
    return [BINARIZATION_MARKERS[index % len(BINARIZATION_MARKERS)] for index in range(number)]
