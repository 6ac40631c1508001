"""Distribution of a score over cases per explainer, with a line for each case."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fidelity.base.seeding import seed_for
from fidelity.figures.shared import style
from fidelity.figures.shared.scores import read_scores, with_lesion
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import axis_title

# Panels in one row share the explainers' names.
PER_ROW = 3


def draw(scores: Sequence[str], explainers: Sequence[str], metric: str, rule: str) -> Figure:
    """Draw the distributions of several explainers.

    Args:
        scores: scores.parquet of each explainer.
        rule: their binarization.
    """
    tables = read_scores(scores, explainers, metric)
    return plot(tables, metric=metric, rule=rule)


def plot(scores: Mapping[str, pd.DataFrame], *, metric: str = "iou", rule: str = "") -> Figure:
    """Draw a box, all cases and the mean per explainer; one panel per class.

    Args:
        scores: {explainer: scores.parquet as a table}, in the order of the config. Only the test
            split (all splits if there is none) and cases with a non-empty reference are used.
        metric: column to draw.
        rule: binarization named in the figure; empty: none.
    """
    wide = _wide(scores, metric)
    if wide.empty:
        return style.message("No case with a non-empty reference was scored.")
    classes = list(dict.fromkeys(wide.index.get_level_values("class")))
    appearance = style.looks(scores)
    wide = wide[list(appearance)]
    columns = min(len(classes), PER_ROW)
    rows = -(-len(classes) // columns)
    height = rows * (0.85 + 0.33 * len(appearance)) + 0.3 + style.HEADING * bool(rule)
    fig, axes = style.figure(rows, columns, height=height, sharex=True, sharey=True)
    style.name_rule(fig, rule)
    for axis, name in zip(axes.flat, classes, strict=False):
        values = wide.xs(name, level="class").to_numpy(float)
        _panel(axis, values, list(appearance.values()), name)
        axis.set_title(f"{style.short(name, 30)}: {len(values)} cases", loc="left")
    for axis in axes.flat[len(classes) :]:
        axis.axis("off")
    finite = wide.to_numpy(float)
    finite = finite[np.isfinite(finite)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    margin = 0.03 * (high - low or 1.0)
    # A small margin, so that marks at 0 are not cut off.
    axes[0, 0].set_xlim(low - margin, high + margin)
    names = [style.wrapped(explainer_title(name), 24) for name in appearance]
    axes[0, 0].set_yticks(np.arange(len(names)), names)
    axes[0, 0].set_ylim(len(names) - 0.4, -0.6)
    title = axis_title(metric)
    for axis in axes.flat[max(0, len(classes) - columns) : len(classes)]:
        axis.xaxis.set_tick_params(labelbottom=True)
        axis.set_xlabel(title if columns == 1 else style.before_bracket(title))
    mean = Line2D([], [], marker="D", color="white", markeredgecolor="black", linestyle="none")
    median = Line2D([], [], color="black", linewidth=1.3)
    case = Line2D([], [], color=style.GREY, linewidth=0.6)
    labels = ["mean", "median", "one case"]
    style.legend_below(fig, [mean, median, case], 3, labels=labels)
    return fig


def _panel(axis, values: np.ndarray, appearance: list[style.Look], name: str) -> None:
    cases, methods = values.shape
    rng = np.random.default_rng(seed_for("jitter", name))
    # One jitter per case, so that a case's line runs from point to point.
    y = np.arange(methods) + rng.uniform(-0.13, 0.13, (cases, 1))
    paths = [np.column_stack([values[row], y[row]]) for row in range(cases)]
    opacity = float(np.clip(12 / max(cases, 1), 0.04, 0.35))
    axis.add_collection(
        LineCollection(paths, colors=style.GREY, linewidths=0.4, alpha=opacity, zorder=1)
    )
    for column, look in enumerate(appearance):
        defined = values[~np.isnan(values[:, column]), column]
        axis.scatter(
            values[:, column],
            y[:, column],
            s=9,
            color=look.colour,
            alpha=max(0.35, opacity),
            linewidths=0,
            marker=look.marker,
            zorder=2,
        )
        if not len(defined):
            continue
        axis.boxplot(
            defined,
            positions=[column],
            orientation="horizontal",
            widths=0.5,
            showfliers=False,
            manage_ticks=False,
            zorder=3,
            boxprops={"color": look.colour, "linewidth": 1.1},
            whiskerprops={"color": look.colour, "linewidth": 1.1},
            capprops={"color": look.colour, "linewidth": 1.1},
            medianprops={"color": "black", "linewidth": 1.3},
        )
        axis.plot(
            defined.mean(),
            column,
            marker="D",
            color="white",
            markeredgecolor="black",
            markersize=5.5,
            linestyle="none",
            zorder=4,
        )


def _wide(scores: Mapping[str, pd.DataFrame], metric: str) -> pd.DataFrame:
    """Put the explainers side by side: rows (case, class), one column each."""
    columns = {
        name: with_lesion(table).set_index(["case", "class"])[metric]
        for name, table in scores.items()
    }
    return pd.DataFrame(columns).sort_index()
