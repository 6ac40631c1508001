"""Overlap against the threshold on the normalised map, with the thresholds that were tuned."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fidelity.figures import style
from fidelity.statistics import bootstrap_means
from fidelity.summary import keep_test_split

TITLES = {"iou": "IoU", "dice": "Dice"}
TUNED = {"marker": "o", "markersize": 7.5, "markeredgecolor": "black", "markeredgewidth": 1.1}
# More bands over each other hide the curves.
MANY = 6


def draw(
    curves: Mapping[str, pd.DataFrame],
    *,
    tuned: Mapping[str, pd.DataFrame] | None = None,
    families: Mapping[str, str] | None = None,
    metrics: Sequence[str] = ("iou", "dice"),
    replicates: int = 1000,
    alpha: float = 0.05,
    cluster: str = "patient",
    seed: int = 1,
) -> Figure:
    """Draw mean curves with pointwise percentile bands of the cluster bootstrap.

    Args:
        curves: {explainer: curves.parquet as a table}, in the order of the config. Only the test
            split (all splits if there is none) and cases with a non-empty reference are used.
        tuned: {explainer: thresholds.csv as a table}; the threshold chosen on the validation split
            is marked on the explainer's curve of its class.
        families: explainer → family, for the looks.
        metrics: columns to draw, one panel each.
        replicates: bootstrap resamples.
        alpha: 1 − coverage of the band.
        cluster: `patient` or `case`, the unit of resampling.
        seed: the config's seed.

    Returns:
        The figure: a row of panels per class, since thresholds are tuned per class.
    """
    used = {name: _wide(table, metrics, cluster) for name, table in curves.items()}
    classes = sorted(
        {cls for wide in used.values() for cls in wide[metrics[0]].index.unique("class")}
    )
    if not classes:
        return style.message("No case with a non-empty reference was scored.")
    legend_rows = -(-(len(curves) + bool(tuned)) // 3)
    height = 2.6 * len(classes) + 0.2 * legend_rows + 0.2
    fig, axes = style.figure(len(classes), len(metrics), height=height, sharex=True)
    appearance = style.looks(list(curves), families)
    for row, cls in zip(axes, classes, strict=True):
        for axis, metric in zip(row, metrics, strict=True):
            sizes = []
            for name, look in appearance.items():
                wide = used[name][metric]
                wide = wide[wide.index.get_level_values("class") == cls]
                if wide.empty:
                    continue
                sizes.append(len(wide))
                x, means = wide.columns.to_numpy(float), np.nanmean(wide.to_numpy(float), axis=0)
                resampled = bootstrap_means(
                    wide.to_numpy(float), wide.index.get_level_values(cluster), replicates, seed
                )
                band = np.nanquantile(resampled, [alpha / 2, 1 - alpha / 2], axis=0)
                opacity = 0.15 if len(curves) <= MANY else 0.07
                axis.fill_between(x, *band, color=look.colour, alpha=opacity, linewidth=0)
                axis.plot(x, means, **_line(look), markevery=max(1, len(x) // 10))
                if tuned and name in tuned:
                    _mark(axis, x, means, tuned[name], cls, look)
            axis.set(xlim=(0, 1), ylabel=f"Mean {TITLES.get(metric, metric)}")
            axis.set_ylim(bottom=0)
            axis.set_title(f"{cls}: {_span(sizes)} cases", loc="left")
    for axis in axes[-1]:
        axis.set_xlabel("Threshold on the normalised map")
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
    """Mark the tuned threshold of a class on the curve, between its points where need be."""
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
        Line2D([], [], label=style.short(name), **_line(look)) for name, look in appearance.items()
    ]
    if tuned:
        label = "threshold tuned on validation"
        handles.append(Line2D([], [], color="white", linestyle="none", label=label, **TUNED))
    return handles


def _span(sizes: Sequence[int]) -> str:
    low, high = min(sizes, default=0), max(sizes, default=0)
    return str(high) if low == high else f"{low}–{high}"


def _wide(table: pd.DataFrame, metrics: Sequence[str], cluster: str) -> dict[str, pd.DataFrame]:
    """Turn the long form into one table per metric: rows (case, class), columns thresholds."""
    chosen = keep_test_split(table)
    chosen = chosen[~chosen["reference_empty"].astype(bool)]
    index = list(dict.fromkeys(["case", "class", cluster]))
    return {
        metric: chosen.pivot(index=index, columns="threshold", values=metric) for metric in metrics
    }
