"""Score against the size of the lesion, one small panel per explainer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from fidelity.figures.shared import style
from fidelity.figures.shared.scores import read_scores, with_lesion
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import axis_title
from fidelity.statistics import bootstrap_means

PER_ROW = 4
# Smallest number of cases per bin, and largest number of bins.
BIN_CASES, MOST_BINS = 8, 8


def draw(
    scores: Sequence[str], explainers: Sequence[str], metric: str, intervals: Mapping[str, Any]
) -> Figure:
    """Draw one panel per explainer.

    Args:
        scores: scores.parquet of each explainer, of one binarization and protocol.
        intervals: replicates, alpha, cluster, seed.
    """
    tables = read_scores(scores, explainers, metric)
    return plot(tables, metric=metric, **intervals)


def plot(
    scores: Mapping[str, pd.DataFrame],
    *,
    metric: str = "iou",
    alpha: float,
    replicates: int = 1000,
    cluster: str = "patient",
    seed: int = 1,
) -> Figure:
    """Draw cases, and means with intervals over bins with equal numbers of cases.

    Args:
        scores: as in `distributions.plot`.
        metric: column to draw.
        alpha: 1 − coverage of the intervals.
        cluster: `patient` or `case`, the unit of analysis.

    Returns:
        The figure; every panel also shows the other explainers' means as thin lines. The bins are
        quantiles of the reference's share of the image (logarithmic axis, per cent), the same for
        all explainers.
    """
    used = {name: _used(table, metric) for name, table in scores.items()}
    sizes = pd.concat([table.set_index(["case", "class"])["share"] for table in used.values()])
    sizes = sizes[~sizes.index.duplicated()]
    if sizes.empty:
        return style.message("No case with a non-empty reference was scored.")
    edges = _edges(sizes.to_numpy())
    options = {"replicates": replicates, "alpha": alpha, "seed": seed, "cluster": cluster}
    binned = {name: _binned(table, metric, edges, **options) for name, table in used.items()}
    rows = -(-len(scores) // PER_ROW)
    columns = min(PER_ROW, len(scores))
    fig, axes = style.figure(rows, columns, height=0.7 + 1.8 * rows, sharex=True, sharey=True)
    appearance = style.looks(scores)
    for axis, (name, look) in zip(axes.flat, appearance.items(), strict=False):
        for other, means in binned.items():
            if other != name:
                axis.plot(means["x"], means["mean"], color="#D9D9D9", linewidth=0.7, zorder=1)
        table, means = used[name], binned[name]
        axis.scatter(
            table["share"],
            table[metric],
            s=6,
            color=look.colour,
            alpha=float(np.clip(40 / max(len(table), 1), 0.12, 0.45)),
            linewidths=0,
            zorder=2,
        )
        axis.fill_between(
            means["x"], means["low"], means["high"], color=look.colour, alpha=0.25, linewidth=0
        )
        axis.plot(
            means["x"],
            means["mean"],
            color=look.colour,
            marker=look.marker,
            markersize=5,
            markeredgecolor="black",
            markeredgewidth=0.6,
            zorder=3,
        )
        axis.set_title(style.wrapped(explainer_title(name), 24), loc="left", fontsize=8)
    _label(fig, axes, len(scores), axis_title(metric))
    return fig


def _label(fig: Figure, axes: np.ndarray, panels: int, title: str) -> None:
    first = axes[0, 0]
    first.set_xscale("log")
    # Several ticks per decade, because sizes often span less than one decade.
    first.xaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    first.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    first.xaxis.set_minor_formatter(NullFormatter())
    columns = axes.shape[1]
    for number, axis in enumerate(axes.flat):
        if number >= panels:
            axis.axis("off")
            continue
        if number + columns >= panels:
            axis.xaxis.set_tick_params(labelbottom=True)
    fig.supylabel(title, fontsize=style.RC["axes.labelsize"])
    fig.supxlabel(
        "Reference mask, % of the image (logarithmic)", fontsize=style.RC["axes.labelsize"]
    )


def _used(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    chosen = with_lesion(table)
    share = 100 * chosen["reference_area"] / chosen["image_area"]
    finite = np.isfinite(chosen[metric].to_numpy(float))
    return chosen.assign(share=share)[finite]


def _edges(sizes: np.ndarray) -> np.ndarray:
    """Divide the sizes into bins with equal numbers of cases: inner and outer edges, ascending."""
    bins = int(np.clip(len(sizes) // BIN_CASES, 1, MOST_BINS))
    return np.unique(np.quantile(sizes, np.linspace(0, 1, bins + 1)))


def _binned(
    table: pd.DataFrame,
    metric: str,
    edges: np.ndarray,
    *,
    replicates: int,
    alpha: float,
    seed: int,
    cluster: str,
) -> pd.DataFrame:
    """Average each bin: x (geometric mean size), mean, low, high; no interval for one cluster."""
    places = np.searchsorted(edges[1:-1], table["share"].to_numpy(), side="right")
    found = []
    for place in range(max(1, len(edges) - 1)):
        part = table[places == place]
        if part.empty:
            continue
        values, clusters = part[metric].to_numpy(float), part[cluster].to_numpy(str)
        low = high = values.mean()
        if len(set(clusters)) > 1:
            means = bootstrap_means(values, clusters, replicates, seed)
            low, high = np.nanquantile(means, [alpha / 2, 1 - alpha / 2])
        x = float(np.exp(np.log(part["share"]).mean()))
        found.append({"x": x, "mean": values.mean(), "low": low, "high": high})
    return pd.DataFrame(found, columns=["x", "mean", "low", "high"])
