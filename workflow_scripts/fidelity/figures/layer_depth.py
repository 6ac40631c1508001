"""Score against the depth of the layer that a CAM reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from fidelity.analysis.columns.localization import LAYERS
from fidelity.analysis.localization import DEFAULT_PROTOCOL, keep_test_split, pooled_classes
from fidelity.figures.shared import style
from fidelity.metrics.registry import METRICS, title_of

# Points of several sweeps at one depth are side by side, in depths.
OFFSET = 0.06


def draw(layers: str, settings: Mapping[str, Any]) -> Figure:
    """Draw the layer sweeps of one classifier.

    Args:
        layers: layers.csv of the data set.
        settings: classifier, metrics (one panel each), binarization, families.

    Returns:
        The figure.
    """
    table = LAYERS.read(layers).astype(dict.fromkeys(("height", "width", "depth"), int))
    return plot(
        table[table["classifier"] == settings["classifier"]],
        metrics=settings["metrics"],
        binarization=settings["binarization"],
        families=settings["families"],
    )


def plot(
    layers: pd.DataFrame,
    metrics: Sequence[str],
    binarization: str | None,
    families: Mapping[str, str] | None = None,
) -> Figure:
    """Draw one panel per metric: a line per sweep over the depths, with intervals.

    Args:
        layers: layers.csv, one classifier's rows.
        metrics: in this order; those that nothing has are left out.
        binarization: whose masks count; None: the first. Metrics without one are drawn as well.
        families: explainer → family, which decides its look.

    Returns:
        The figure: test split, all classes together where there are several, default protocol.
        Ticks name the layer of the first sweep and its positions.
    """
    shown = pooled_classes(keep_test_split(layers))
    shown = shown[shown["protocol"] == DEFAULT_PROTOCOL]
    named = shown["binarization"][shown["binarization"] != "none"]
    wanted = binarization or (named.iloc[0] if len(named) else "none")
    shown = shown[shown["binarization"].isin([wanted, "none"])]
    present = [name for name in metrics if shown.loc[shown["metric"] == name, "mean"].notna().any()]
    if not present:
        return style.message("No explainer sweeps the layers, or nothing was scored.")
    sweeps = list(shown["sweep"].unique())
    looks = style.looks(sweeps, _families_of_sweeps(shown, families))
    fig, axes = style.figure(1, len(present), height=3.3)
    for axis, metric in zip(axes[0], present, strict=True):
        for number, sweep in enumerate(sweeps):
            rows = shown[(shown["metric"] == metric) & (shown["sweep"] == sweep)]
            rows = rows.sort_values("depth")
            look = looks[sweep]
            axis.errorbar(
                rows["depth"] + OFFSET * (number - (len(sweeps) - 1) / 2),
                rows["mean"],
                yerr=style.interval_errors(rows),
                color=look.colour,
                marker=look.marker,
                linestyle=look.dash,
                markersize=5,
                capsize=2,
                label=sweep,
            )
        axis.set_title(title_of(metric), loc="left")
        if metric in METRICS and METRICS[metric].unit == "1":
            axis.set_ylim(bottom=0)
        _name_depths(axis, shown[shown["sweep"] == sweeps[0]])
    axes[0, 0].set_ylabel("Mean with interval")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    title = f"Layer sweep ({_splits_of(shown)}; masks: {wanted})"
    style.legend_below(fig, handles, 4, labels=labels, title=title)
    return fig


def _splits_of(shown: pd.DataFrame) -> str:
    """Name the split, or splits, that rows are of."""
    names = list(dict.fromkeys(shown["split"]))
    return f"split{'s' * (len(names) > 1)} {', '.join(names)}"


def _families_of_sweeps(
    shown: pd.DataFrame, families: Mapping[str, str] | None
) -> dict[str, str] | None:
    if families is None:
        return None
    firsts = shown.drop_duplicates("sweep")
    return {
        sweep: families.get(explainer, "cam")
        for sweep, explainer in zip(firsts["sweep"], firsts["explainer"], strict=True)
    }


def _name_depths(axis, rows: pd.DataFrame) -> None:
    depths = rows.drop_duplicates("depth").sort_values("depth")
    labels = [
        f"{style.wrapped(layer)}\n{height}×{width}"
        for layer, height, width in zip(
            depths["layer"], depths["height"], depths["width"], strict=True
        )
    ]
    axis.set_xticks(depths["depth"].to_list(), labels, fontsize=7)
    axis.set_xlabel("Layer, from early to late")
    axis.set_xlim(0.6, depths["depth"].max() + 0.4)
