"""Overlap against the threshold on the normalised map."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fidelity.figures import style
from fidelity.statistics import bootstrap_means
from fidelity.summary import keep_test_split

TITLES = {"iou": "IoU", "dice": "Dice"}


def draw(
    curves: Mapping[str, pd.DataFrame],
    *,
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
        metrics: columns to draw, one panel each.
        replicates: bootstrap resamples.
        alpha: 1 − coverage of the band.
        cluster: `patient` or `case`, the unit of resampling.
        seed: the config's seed.

    Returns:
        The figure.
    """
    fig, axes = style.figure(1, len(metrics), height=3.2)
    used = {name: _wide(table, metrics, cluster) for name, table in curves.items()}
    for axis, metric in zip(axes[0], metrics, strict=True):
        for name, look in style.looks(list(curves)).items():
            wide = used[name][metric]
            if wide.empty:
                continue
            x, values = wide.columns.to_numpy(float), wide.to_numpy(float)
            clusters = wide.index.get_level_values(cluster)
            means = bootstrap_means(values, clusters, replicates, seed)
            low, high = np.nanquantile(means, [alpha / 2, 1 - alpha / 2], axis=0)
            label = f"{style.short(name)} (n = {len(wide)})"
            axis.fill_between(x, low, high, color=look.colour, alpha=0.15, linewidth=0)
            axis.plot(
                x,
                np.nanmean(values, axis=0),
                color=look.colour,
                linestyle=look.dash,
                marker=look.marker,
                markevery=max(1, len(x) // 10),
                markersize=4,
                label=label,
            )
        axis.set(xlabel="Threshold on the normalised map", xlim=(0, 1))
        axis.set_ylabel(f"Mean {TITLES.get(metric, metric)}")
        axis.set_ylim(bottom=0)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3)
    return fig


def _wide(table: pd.DataFrame, metrics: Sequence[str], cluster: str) -> dict[str, pd.DataFrame]:
    """Turn the long form into one table per metric: rows (case, class), columns thresholds."""
    chosen = keep_test_split(table)
    chosen = chosen[~chosen["reference_empty"].astype(bool)]
    index = list(dict.fromkeys(["case", "class", cluster]))
    return {
        metric: chosen.pivot(index=index, columns="threshold", values=metric) for metric in metrics
    }
