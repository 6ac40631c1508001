"""Score against the depth of the layer that a CAM reads."""

import re
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from fidelity.analysis.columns.localization import LAYERS
from fidelity.analysis.localization import DEFAULT_PROTOCOL, keep_test_split, pooled_classes
from fidelity.figures.shared import style
from fidelity.metrics.registry import METRICS
from fidelity.presentation.titles import binarization_title, explainer_title
from fidelity.presentation.wording import axis_title

# Horizontal distance between the points of several sweeps at one depth, in depths.
OFFSET = 0.06


def draw(layers: str, classifier: str, metrics: Sequence[str], binarization: str) -> Figure:
    """Draw the layer sweeps of one classifier."""
    table = LAYERS.read(layers).astype(dict.fromkeys(("height", "width", "depth"), int))
    own = table[table["classifier"] == classifier]
    return plot(own, metrics=metrics, binarization=binarization)


def plot(
    layers: pd.DataFrame,
    metrics: Sequence[str],
    binarization: str | None,
) -> Figure:
    """Draw one panel per metric: one line per sweep over the depths, with intervals.

    Args:
        layers: layers.csv, one classifier's rows.
        metrics: shown in this order; metrics without any value are left out.
        binarization: the binarization of the masks; None: the first. Metrics without binarization
            are drawn as well.

    Returns:
        The figure: test split, all classes together where there are several, default protocol.
        Ticks name the layer of the first sweep and the size of its feature map.
    """
    shown = pooled_classes(keep_test_split(layers))
    shown = shown[shown["protocol"] == DEFAULT_PROTOCOL]
    named = shown["binarization"][shown["binarization"] != "none"]
    wanted = binarization or (named.iloc[0] if len(named) else "none")
    shown = shown[shown["binarization"].isin([wanted, "none"])]
    present = [name for name in metrics if shown.loc[shown["metric"] == name, "mean"].notna().any()]
    if not present:
        return style.message("No explainer sweeps the layers, or nothing was scored.")
    firsts = dict(shown.drop_duplicates("sweep")[["sweep", "explainer"]].itertuples(index=False))
    # A sweep has the look of its first explainer.
    looks = style.looks(firsts.values())
    fig, axes = style.figure(len(present), 1, height=1.75 * len(present) + 1.2, sharex=True)
    for axis, metric in zip(axes[:, 0], present, strict=True):
        for number, (sweep, explainer) in enumerate(firsts.items()):
            rows = shown[(shown["metric"] == metric) & (shown["sweep"] == sweep)]
            rows = rows.sort_values("depth")
            look = looks[explainer]
            axis.errorbar(
                rows["depth"] + OFFSET * (number - (len(firsts) - 1) / 2),
                rows["mean"],
                yerr=style.interval_errors(rows),
                color=look.colour,
                marker=look.marker,
                linestyle=look.dash,
                markersize=5,
                capsize=2,
                label=_title(explainer),
            )
        axis.set_ylabel(style.before_bracket(axis_title(metric)))
        if metric in METRICS and METRICS[metric].unit == "1":
            axis.set_ylim(bottom=0)
    _name_depths(axes[-1, 0], shown[shown["sweep"] == next(iter(firsts))])
    handles, _ = axes[0, 0].get_legend_handles_labels()
    title = f"Means with intervals ({_splits_of(shown)}; masks: {binarization_title(wanted)})"
    style.legend_below(fig, handles, 4, title=title)
    return fig


def _splits_of(shown: pd.DataFrame) -> str:
    """Name the split, or splits, of the rows."""
    names = list(dict.fromkeys(shown["split"]))
    return f"split{'s' * (len(names) > 1)} {', '.join(names)}"


def _title(explainer: str) -> str:
    """Name a sweep: the title of its first explainer without its depth."""
    return re.sub(r",? depth 1\b", "", explainer_title(explainer))


def _name_depths(axis, rows: pd.DataFrame) -> None:
    depths = rows.drop_duplicates("depth").sort_values("depth")
    labels = [
        f"{style.wrapped(layer, 24)}\n{height} × {width}"
        for layer, height, width in zip(
            depths["layer"], depths["height"], depths["width"], strict=True
        )
    ]
    axis.set_xticks(depths["depth"].to_list(), labels)
    axis.set_xlabel("Layer, from early to late, and size of its feature map")
    axis.set_xlim(0.6, depths["depth"].max() + 0.4)
