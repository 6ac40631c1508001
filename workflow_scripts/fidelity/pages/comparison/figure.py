"""The figure of a comparison: means of A and B, and their difference with its interval."""

from collections.abc import Mapping
from itertools import groupby

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fidelity.figures.forest import GROUPS, LABEL_LETTERS, LINE
from fidelity.figures.shared import style
from fidelity.metrics.registry import METRICS
from fidelity.presentation.titles import explainer_title, ordered
from fidelity.presentation.wording import axis_title, digits_of, with_interval


def plot(rows: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw a line per explainer: both means, the difference with its interval, and it as text.

    Args:
        rows: of the table COMPARED, one per explainer, of one metric.
        names: what "A" and "B" are called.

    Returns:
        The figure: explainers first, then null baselines, then ceilings.
    """
    metric = rows["metric"].iloc[0]
    rows = rows.set_index("explainer")
    kinds = [*GROUPS]
    shown = sorted(ordered(list(rows.index)), key=lambda name: kinds.index(style.kind_of(name)))
    lines: list[tuple[str, bool]] = []
    for kind, part in groupby(shown, style.kind_of):
        lines += [(GROUPS[kind], True), *((name, False) for name in part)]
    fig, ((means, differences, beside),) = style.figure(
        1, 3, height=LINE * len(lines) + 1.25, sharey=True, width_ratios=[2, 2, 1.55]
    )
    beside.axis("off")
    looks = style.looks(shown)
    differences.axvline(0, color=style.GREY, linewidth=0.9, linestyle=":", zorder=0)
    labels = []
    for place, (name, is_heading) in enumerate(lines):
        if is_heading:
            labels.append(name)
            continue
        labels.append(style.short(explainer_title(name), LABEL_LETTERS))
        row, look = rows.loc[name], looks[name]
        how = {"color": look.colour, "marker": look.marker}
        pair = [row["mean_a"], row["mean_b"]]
        means.plot(pair, [place, place], color=look.colour, linewidth=0.9)
        # Larger, so that it is seen behind an equal mean of A.
        means.plot(pair[1], place, **how, markersize=9, markerfacecolor="white")
        means.plot(pair[0], place, **how, markersize=5)
        bounds = [row["ci_low"], row["ci_high"]]
        differences.plot(bounds, [place, place], color=look.colour, linewidth=1.8)
        differences.plot(row["mean_difference"], place, **how, markersize=5)
        text = with_interval(row["mean_difference"], *bounds, digits_of(metric))
        beside.text(0, place, text, va="center", fontsize=8, transform=beside.get_yaxis_transform())
    means.set_yticks(range(len(lines)), labels)
    for tick, (_, is_heading) in zip(means.get_yticklabels(), lines, strict=True):
        tick.set_fontstyle("italic" if is_heading else "normal")
    means.set_ylim(len(lines) - 0.5, -0.6)
    for axis in (means, differences):
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
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
