"""Coefficients of the failure model (what makes localization fail), one row per covariate."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fidelity.analysis.columns.comparisons import FAILURE_MODEL
from fidelity.analysis.localization import pooled_classes
from fidelity.figures.shared import style
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import FACTS, axis_title

LINE, SPREAD = 0.42, 0.6


def draw(failure_model: str) -> Figure:
    """Draw failure_model.csv of a data set."""
    return plot(FAILURE_MODEL.read(failure_model))


def plot(model: pd.DataFrame) -> Figure:
    """Draw an interval for each explainer and each covariate that is in a fit.

    Args:
        model: failure_model.csv; all classes together where there are several.
    """
    shown = pooled_classes(model)
    shown = shown[shown["term"].isin(FACTS)]
    if shown.empty:
        return style.message("No model of why localization fails could be fitted.")
    terms = [term for term in FACTS if (shown["term"] == term).any()]
    looks = style.looks(shown["explainer"])
    fig, ((axis,),) = style.figure(1, 1, height=1.3 + LINE * len(terms) * max(1, len(looks) / 3))
    shifts = np.linspace(-SPREAD / 2, SPREAD / 2, len(looks)) if len(looks) > 1 else [0]
    for (explainer, look), shift in zip(looks.items(), shifts, strict=True):
        rows = shown[shown["explainer"] == explainer].set_index("term")
        places = [place + shift for place, term in enumerate(terms) if term in rows.index]
        rows = rows.loc[[term for term in terms if term in rows.index]]
        axis.hlines(places, rows["ci_low"], rows["ci_high"], color=look.colour, linewidth=1.6)
        axis.plot(
            rows["estimate"], places, marker=look.marker, color=look.colour, linestyle="",
            markersize=5, label=explainer_title(explainer),
        )  # fmt: skip
    axis.axvline(0, color=style.GREY, linewidth=0.8, zorder=0)
    axis.set_yticks(range(len(terms)), [FACTS[term] for term in terms])
    axis.set_ylim(len(terms) - 0.5, -0.5)
    axis.set_xlabel(f"Change per standard deviation: {axis_title(shown['metric'].iloc[0])}")
    style.legend_below(fig, axis.get_legend_handles_labels()[0], 4)
    return fig
