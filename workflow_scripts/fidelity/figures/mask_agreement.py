"""How far the explainers' predicted masks agree: a heat map of mean IoU."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fidelity.analysis.columns.checks import AGREEMENT
from fidelity.analysis.localization import keep_test_split, pooled_classes
from fidelity.figures.shared import style
from fidelity.presentation.titles import binarization_title, explainer_title, ordered
from fidelity.presentation.wording import value_of


def draw(agreement: str, explainers: Sequence[str]) -> Figure:
    """Draw the agreement table of a classifier, with `explainers` in their order."""
    return plot(AGREEMENT.read(agreement), explainers)


def plot(agreement: pd.DataFrame, explainers: Sequence[str]) -> Figure:
    """Draw the mean IoU of every two explainers' masks.

    Args:
        agreement: agreement.csv of one classifier; the test split, all classes together.
    """
    shown = keep_test_split(agreement)
    if shown.empty:
        return style.message("There are no two explainers whose masks could agree.")
    shown = pooled_classes(shown)
    names = [
        name
        for name in ordered(explainers)
        if name in {*shown["explainer_a"], *shown["explainer_b"]}
    ]
    values = np.full((len(names), len(names)), np.nan)
    for row in shown.itertuples():
        a, b = names.index(row.explainer_a), names.index(row.explainer_b)
        # Only below the diagonal, because the matrix is symmetric.
        values[max(a, b), min(a, b)] = row.mean_iou
    # Drop the empty first row and last column.
    values = values[1:, :-1]
    side = len(values)
    cell = min(0.55, 4.5 / side)
    fig, axes = style.figure(height=cell * side + 2, width=min(style.WIDTH, cell * side + 3.2))
    axis = axes[0, 0]
    image = axis.imshow(values, cmap="cividis", vmin=0, vmax=1, aspect="equal")
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "white" if value < 0.5 else "black"
            text = value_of("mask_iou", value).lstrip("0") if value < 1 else "1"
            axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    labels = [style.short(explainer_title(name), 36) for name in names]
    axis.set_xticks(range(side), labels[:-1], rotation=90)
    axis.set_yticks(range(side), labels[1:])
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    rule = binarization_title(shown["binarization"].iloc[0])
    fig.suptitle(f"{rule}: {_cases(shown)} masks of each method", fontsize=9)
    fig.colorbar(image, ax=axis, shrink=0.8, label="Mean IoU of two masks")
    return fig


def _cases(shown: pd.DataFrame) -> str:
    low, high = int(shown["n"].min()), int(shown["n"].max())
    return str(high) if low == high else f"{low}–{high}"
