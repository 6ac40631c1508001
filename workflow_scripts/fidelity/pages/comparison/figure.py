"""The figure of a comparison: means of A and B, and their difference with its interval."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fidelity.figures.forest import by_kind, height_of, label_lines, without_line
from fidelity.figures.shared import style
from fidelity.metrics.registry import METRICS
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import axis_title, digits_of, with_interval


def plot(rows: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw one line per explainer: both means, and the difference with its interval and as text.

    Args:
        rows: of the table COMPARED, one per explainer, of one metric.

    Returns:
        The figure: explainers first, then null baselines, then ceilings.
    """
    metric = rows["metric"].iloc[0]
    rows = rows.set_index("explainer")
    shown = by_kind(rows.index)
    fig, ((means, differences, beside),) = style.figure(
        1, 3, height=height_of(shown) + 1.25, sharey=True, width_ratios=[2, 2, 1.55]
    )
    beside.axis("off")
    looks = style.looks(shown)
    differences.axvline(0, color=style.GREY, linewidth=0.9, linestyle=":", zorder=0)
    without_line(differences)
    for name, place in label_lines(means, shown, -0.6, explainer_title).items():
        row, look = rows.loc[name], looks[name]
        how = {"color": look.colour, "marker": look.marker}
        pair = [row["mean_a"], row["mean_b"]]
        means.plot(pair, [place, place], color=look.colour, linewidth=0.9)
        # Larger, so that it is visible behind an equal mean of A.
        means.plot(pair[1], place, **how, markersize=9, markerfacecolor="white")
        means.plot(pair[0], place, **how, markersize=5)
        bounds = [row["ci_low"], row["ci_high"]]
        differences.plot(bounds, [place, place], color=look.colour, linewidth=1.8)
        differences.plot(row["mean_difference"], place, **how, markersize=5)
        text = with_interval(row["mean_difference"], *bounds, digits_of(metric))
        beside.text(0, place, text, va="center", fontsize=8, transform=beside.get_yaxis_transform())
    if METRICS[metric].unit == "1":
        means.set_xlim(left=min(0.0, means.get_xlim()[0]))
    means.set_xlabel(f"Mean {axis_title(metric)}")
    differences.set_xlabel("A − B [interval]")
    handles = [
        Line2D(
            [], [], color="black", marker="o", linestyle="", markersize=size, markerfacecolor=face
        )
        for size, face in ((5, "black"), (9, "white"))
    ]
    told = [style.short(f"{side}: {name}", 60) for side, name in names.items()]
    style.legend_below(fig, handles, 2, labels=told)
    return fig
