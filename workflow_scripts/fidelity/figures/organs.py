"""Where attribution lies: shares of lungs, heart and outside, one bar per explainer."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fidelity.analysis.columns.organs import ORGANS, REGIONS
from fidelity.analysis.localization import keep_test_split, of_classifier, pooled_classes
from fidelity.figures.forest import by_kind
from fidelity.figures.shared import style
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import percent
from fidelity.tables.organs import TITLES

# Blue for the lungs, red for the heart, grey for the rest; distinct without colour too.
COLOURS = {
    "left_lung": "#0072B2",
    "right_lung": "#8CC5E8",
    "heart": "#D55E00",
    "outside": "#D9D9D9",
}
REFERENCE, AREA = "Reference masks", "Size of the region"
# Inches per bar, and the largest height that fits on a page.
LINE, TALLEST = 0.28, 9.5
# Narrower parts have no room for their number.
WRITTEN = 0.06
LABEL_LETTERS = 34


def draw(organs: str, classifier: str) -> Figure:
    """Draw organs.csv of a data set: the rows of `classifier`, and of explainers without one."""
    return plot(of_classifier(ORGANS.read(organs), classifier))


def plot(organs: pd.DataFrame) -> Figure:
    """Draw the mean shares as stacked bars.

    Args:
        organs: rows of organs.csv of one data set and classifier; the test split and all classes
            together.

    Returns:
        The figure: the references and the sizes of the regions above a line, then explainers, null
        baselines and ceilings. Dotted lines continue the borders of the references' parts.
    """
    shown = pooled_classes(keep_test_split(organs))
    if shown["mean"].notna().sum() == 0:
        return style.message("No case has organ masks and a map.")
    regions = [name for name in REGIONS if (shown["region"] == name).any()]
    means = shown.pivot_table(index="explainer", columns="region", values="mean", sort=False)
    first = shown.loc[shown.groupby("region", sort=False)["n"].idxmax()].set_index("region")
    bars = {
        REFERENCE: first["reference_mean"],
        AREA: first["area_mean"],
        **{
            style.short(explainer_title(name), LABEL_LETTERS): means.loc[name]
            for name in by_kind(means.index)
        },
    }
    height = min(TALLEST, LINE * len(bars) + 1.3)
    fig, ((axis,),) = style.figure(1, 1, height=height)
    for place, parts in enumerate(bars.values()):
        left = 0.0
        # A gap separates references and sizes from the explainers.
        line = place + 0.5 * (place > 1)
        for region in regions:
            share = float(parts[region])
            axis.barh(line, share, 0.72, left, color=COLOURS[region], edgecolor="white", lw=0.6)
            if share >= WRITTEN:
                light = region in ("right_lung", "outside")
                axis.text(
                    left + share / 2,
                    line,
                    percent(share),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="black" if light else "white",
                )
            left += share
    edge = 0.0
    for region in regions[:-1]:
        edge += float(bars[REFERENCE][region])
        axis.axvline(edge, color=style.GREY, linewidth=0.8, linestyle=":", zorder=3)
    places = [place + 0.5 * (place > 1) for place in range(len(bars))]
    axis.set_yticks(places, list(bars))
    axis.set_ylim(places[-1] + 0.6, -0.6)
    axis.set_xlim(0, 1)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("Mean share of the map's positive sum")
    handles = [Patch(color=COLOURS[region], label=TITLES[region]) for region in regions]
    style.legend_below(fig, handles, 4)
    return fig
