"""Faithfulness against localization: do maps that point at the disease show what is used?"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fidelity.analysis.columns.checks import FAITHFULNESS
from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    keep_test_split,
    of_classifier,
    pooled_classes,
)
from fidelity.faithfulness.registry import METRICS
from fidelity.figures.shared import style
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import axis_title

COLUMNS = 2


def draw(faithfulness: str, localization: str, classifier: str, binarization: str) -> Figure:
    """Draw one classifier's explainers, with the null baselines that need no classifier."""
    measured, found = FAITHFULNESS.read(faithfulness), LOCALIZATION.read(localization)
    return plot(
        measured[measured["classifier"] == classifier],
        of_classifier(found, classifier),
        binarization,
    )


def plot(
    faithfulness: pd.DataFrame,
    localization: pd.DataFrame,
    binarization: str,
) -> Figure:
    """Draw one panel per faithfulness metric: one point per explainer, with both intervals.

    Args:
        faithfulness: faithfulness.csv, one classifier's rows; `localization` names the metric that
            it was correlated with.
        localization: localization.csv, rows of the same explainers, null baselines included.
        binarization: the binarization of the masks; ignored by metrics that need no mask.

    Returns:
        The figure: test split, all classes together where there are several, default protocol.
    """
    measured = pooled_classes(keep_test_split(faithfulness))
    found = pooled_classes(keep_test_split(localization))
    names = [
        name for name in METRICS if measured.loc[measured["metric"] == name, "mean"].notna().any()
    ]
    if not names:
        return style.message("No faithfulness was measured, or no map has a value.")
    primary = measured["localization"].iloc[0]
    found = found[
        (found["metric"] == primary)
        & (found["protocol"] == DEFAULT_PROTOCOL)
        & found["binarization"].isin([binarization, "none"])
    ].set_index("explainer")
    explainers = [name for name in measured["explainer"].unique() if name in found.index]
    if not explainers:
        return style.message("There are no localization scores to compare faithfulness with.")
    looks = style.looks(explainers)
    rows = -(-len(names) // COLUMNS)
    columns = min(len(names), COLUMNS)
    fig, axes = style.figure(rows, columns, height=2.6 * rows + 0.8)
    for axis, name in zip(axes.flat, names, strict=False):
        of_metric = measured[measured["metric"] == name].set_index("explainer")
        for explainer in explainers:
            if explainer in of_metric.index:
                _point(axis, found.loc[[explainer]], of_metric.loc[[explainer]], looks[explainer])
        metric = METRICS[name]
        axis.set_ylabel(style.before_bracket(axis_title(name)))
        if metric.by == "sensitivity":  # measured on fewer cases than localization
            counted = int(of_metric["n"].max())
            axis.annotate(
                f"n = {counted}",
                (0.98, 0.98),
                xycoords="axes fraction",
                ha="right",
                va="top",
                fontsize=7,
            )
        axis.set_xlabel(axis_title(primary))
        if metric.squared:
            axis.set_yscale("log")
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    handles = [
        axes[0, 0].plot([], [], linestyle="none", marker=look.marker, color=look.colour)[0]
        for look in looks.values()
    ]
    style.legend_below(fig, handles, 4, labels=[explainer_title(name) for name in looks])
    return fig


def _point(axis: Axes, across: pd.DataFrame, up: pd.DataFrame, look: style.Look) -> None:
    axis.errorbar(
        across["mean"],
        up["mean"],
        xerr=style.interval_errors(across),
        yerr=style.interval_errors(up),
        color=look.colour,
        marker=look.marker,
        markersize=5,
        elinewidth=0.7,
        linestyle="none",
    )
