"""Overlap against the threshold on the normalised map, with tuned thresholds marked."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fidelity.analysis.columns.localization import THRESHOLD_CURVES, THRESHOLDS
from fidelity.analysis.columns.shared import REFERENCES
from fidelity.base.files import read_parquet
from fidelity.figures.shared import style
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import axis_title

TUNED = {"marker": "o", "markersize": 7.5, "markeredgecolor": "black", "markeredgewidth": 1.1}
# With more explainers, the bands of the intervals would hide the curves.
MANY = 6


def draw(
    curves: Sequence[str],
    thresholds: Sequence[str],
    explainers: Sequence[str],
    tuned: Sequence[str],
) -> Figure:
    """Draw the curves of a classifier's explainers, with the thresholds of the tuned ones.

    Args:
        curves: threshold_curves.parquet of the classifier, and of explainers without one.
        thresholds: thresholds.csv of each tuned explainer.
    """
    # `reference` is not drawn, and results of earlier versions lack it.
    needed = [name for name in THRESHOLD_CURVES.names if name != REFERENCES.name]
    table = pd.concat([read_parquet(path, needed) for path in curves])
    found = dict(zip(tuned, map(THRESHOLDS.read, thresholds), strict=True))
    return plot(table, explainers, tuned=found)


def plot(
    curves: pd.DataFrame,
    explainers: Sequence[str],
    *,
    tuned: Mapping[str, pd.DataFrame] | None = None,
) -> Figure:
    """Draw mean curves with intervals, a row per class, because thresholds are tuned per class.

    Args:
        curves: rows of `threshold_curves.mean_curves`; each metric has a panel.
        tuned: {explainer: thresholds.csv as a table}. The threshold chosen on the validation split
            is marked on the explainer's curve of its class.
    """
    classes = sorted(curves["class"].unique())
    if not classes:
        return style.message("No case with a non-empty reference was scored.")
    metrics = list(dict.fromkeys(curves["metric"]))
    legend_rows = -(-(len(explainers) + bool(tuned)) // 3)
    height = 2.6 * len(classes) + 0.2 * legend_rows + 0.2
    fig, axes = style.figure(len(classes), len(metrics), height=height, sharex=True)
    appearance = style.looks(explainers)
    parts = dict(list(curves.groupby(["class", "metric", "explainer"])))
    for row, cls in zip(axes, classes, strict=True):
        for axis, metric in zip(row, metrics, strict=True):
            sizes = []
            for name, look in appearance.items():
                part = parts.get((cls, metric, name))
                if part is None:
                    continue
                sizes.append(int(part["n"].iloc[0]))
                x, means = part["threshold"].to_numpy(), part["mean"].to_numpy()
                opacity = 0.15 if len(explainers) <= MANY else 0.07
                axis.fill_between(
                    x, part["ci_low"], part["ci_high"], color=look.colour, alpha=opacity, lw=0
                )
                axis.plot(x, means, **_line(look), markevery=max(1, len(x) // 10))
                if tuned and name in tuned:
                    _mark(axis, x, means, tuned[name], cls, look)
            axis.set(xlim=(0, 1), ylabel=f"Mean {axis_title(metric)}")
            axis.set_ylim(bottom=0)
            axis.set_title(f"{cls}: {_span(sizes)} cases", loc="left")
    for axis in axes[-1]:
        axis.set_xlabel("Threshold on the normalised map")
        # Short numbers: the last label of a panel would touch the first label of the next one.
        axis.xaxis.set_major_formatter("{x:g}")
    style.legend_below(fig, _handles(appearance, tuned), 3, handlelength=3)
    return fig


def _line(look: style.Look) -> dict:
    return {
        "color": look.colour,
        "linestyle": look.dash,
        "marker": look.marker,
        "markersize": 4,
        "linewidth": 1.4,
    }


def _mark(
    axis, x: np.ndarray, means: np.ndarray, thresholds: pd.DataFrame, cls: str, look: style.Look
) -> None:
    """Mark the tuned threshold of a class on the curve, interpolated between its points."""
    for threshold in thresholds.loc[thresholds["class"] == cls, "threshold"]:
        axis.plot(
            threshold,
            np.interp(threshold, x, means),
            color=look.colour,
            linestyle="none",
            clip_on=False,
            zorder=5,
            **TUNED,
        )


def _handles(
    appearance: Mapping[str, style.Look], tuned: Mapping[str, pd.DataFrame] | None
) -> list[Line2D]:
    handles = [
        Line2D([], [], label=style.short(explainer_title(name), 36), **_line(look))
        for name, look in appearance.items()
    ]
    if tuned:
        label = "threshold tuned on validation"
        handles.append(Line2D([], [], color="white", linestyle="none", label=label, **TUNED))
    return handles


def _span(sizes: Sequence[int]) -> str:
    low, high = min(sizes, default=0), max(sizes, default=0)
    return str(high) if low == high else f"{low}–{high}"
