"""Critical-difference diagram: mean ranks, joined if Nemenyi's test finds no difference."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fidelity.analysis.columns.comparisons import RANKS
from fidelity.analysis.localization import ALL_CLASSES, DEFAULT_PROTOCOL, keep_test_split
from fidelity.figures.shared import style
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import p_value, value_of

# Sizes in inches: a row of names; a bar that joins explainers; the space above the ranks; the room
# for names on each side.
ROW, BAR, HEAD, SIDE = 0.19, 0.085, 0.62, 2.35
# With more ranks, only some get a number.
NUMBERED = 12


def draw(ranks: str, classifier: str, binarization: str, metric: str, alpha: float) -> Figure:
    """Draw the diagram of one classifier under the default protocol."""
    table = RANKS.read(ranks)
    chosen = table["protocol"] == DEFAULT_PROTOCOL
    for name, value in {
        "classifier": classifier,
        "binarization": binarization,
        "metric": metric,
    }.items():
        chosen &= table[name] == value
    return plot(table[chosen], alpha)


def plot(ranks: pd.DataFrame, alpha: float) -> Figure:
    """Draw one diagram per class (Demšar 2006, figure 1), with the best rank at the left.

    Args:
        ranks: rows of ranks.csv of one classifier, binarization, protocol and metric; test split.
        alpha: level of the study's tests.

    Returns:
        The figure; only a message if fewer than two explainers have ranks.
    """
    shown = keep_test_split(ranks)
    shown = shown[shown["mean_rank"].notna()]
    classes = sorted(shown["class"].unique(), key=lambda name: (name != ALL_CLASSES, name))
    panels = [shown[shown["class"] == name].sort_values("mean_rank") for name in classes]
    panels = [panel for panel in panels if len(panel) > 1]
    if not panels:
        return style.message("Fewer than two explainers have ranks.")
    bars = [packed(groups(panel["mean_rank"].to_numpy(), _difference(panel))) for panel in panels]
    heights = [
        HEAD + BAR * (len(levels) + 1) + ROW * -(-len(panel) // 2)
        for panel, levels in zip(panels, bars, strict=True)
    ]
    fig, axes = style.figure(len(panels), 1, height=sum(heights) + 0.1, height_ratios=heights)
    looks = style.looks(shown["explainer"])
    for axis, panel, levels, height in zip(axes[:, 0], panels, bars, heights, strict=True):
        _panel(axis, panel, levels, looks, height, alpha)
    return fig


def groups(ranks: np.ndarray, difference: float) -> list[tuple[int, int]]:
    """Find the largest groups of neighbours whose ranks span less than the critical difference.

    Args:
        ranks: mean ranks, ascending.
        difference: the critical difference; nan: no test, no group.

    Returns:
        First and last index of each group of two or more; none lies inside another.
    """
    if np.isnan(difference):
        return []
    found: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = int(np.flatnonzero(ranks - rank < difference)[-1])
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def packed(runs: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Place groups on as few levels as possible without overlap."""
    levels: list[list[tuple[int, int]]] = []
    for run in runs:
        for level in levels:
            if level[-1][1] < run[0]:
                level.append(run)
                break
        else:
            levels.append([run])
    return levels


def _difference(panel: pd.DataFrame) -> float:
    return float(panel["critical_difference"].iloc[0])


def _panel(
    axis,
    panel: pd.DataFrame,
    levels: Sequence[Sequence[tuple[int, int]]],
    looks: Mapping[str, style.Look],
    height: float,
    alpha: float,
) -> None:
    """Draw one class; y is in inches below the line of ranks."""
    ranks, names = panel["mean_rank"].to_numpy(), list(panel["explainer"])
    count = len(names)
    side = SIDE * (count - 1) / (style.WIDTH - 2 * SIDE)
    axis.set(xlim=(1 - side, count + side), ylim=(height - HEAD, -HEAD))
    axis.axis("off")
    axis.plot([1, count], [0, 0], color="black", linewidth=1)
    for tick in range(1, count + 1):
        axis.plot([tick, tick], [0, -0.06], color="black", linewidth=0.8)
        if count <= NUMBERED or tick % 2:
            axis.text(tick, -0.09, str(tick), ha="center", va="bottom", fontsize=8)
    for number, level in enumerate(levels):
        for first, last in level:
            y = BAR * (number + 0.9)
            margin = 0.012 * (count - 1)
            axis.plot(
                [ranks[first] - margin, ranks[last] + margin],
                [y, y],
                color="black",
                linewidth=3,
                solid_capstyle="round",
            )
    top = BAR * (len(levels) + 0.6)
    left = -(-count // 2)
    for index, (rank, name) in enumerate(zip(ranks, names, strict=True)):
        on_left = index < left
        # The outermost ranks have the highest labels, so that lines do not cross.
        row = index if on_left else count - 1 - index
        y = top + ROW * (row + 0.5)
        end = 1 - 0.05 * side if on_left else count + 0.05 * side
        look = looks[name]
        style_of = {"color": look.colour, "linewidth": 1.2, "linestyle": look.dash}
        axis.plot([rank, rank, end], [0, y, y], **style_of)
        axis.plot(rank, 0, marker=look.marker, color=look.colour, markersize=5, zorder=4)
        title = style.short(explainer_title(name), 36)
        parts = [title, value_of("mean_rank", rank)]
        text = "  ".join(parts if on_left else parts[::-1])
        shift = -0.02 * side if on_left else 0.02 * side
        align = "right" if on_left else "left"
        axis.text(end + shift, y, text, ha=align, va="center", fontsize=8)
    _title(axis, panel, count, side, alpha)


def _title(axis, panel: pd.DataFrame, count: int, side: float, alpha: float) -> None:
    first, difference = panel.iloc[0], _difference(panel)
    name = "All classes" if first["class"] == ALL_CLASSES else first["class"]
    text = f"{name}: mean ranks (1 = best), n = {int(first['n_patients'])}"
    if not np.isnan(first["friedman_p"]):
        text += f", Friedman p {p_value(first['friedman_p'], alpha)}"
    axis.text(1 - side, -HEAD + 0.03, text, ha="left", va="top", fontsize=9)
    if np.isnan(difference):
        return
    # Show the critical difference as a length above the ranks. If it is longer than the axis, only
    # its label states it.
    x, y = count, -0.36
    drawn = min(difference, count - 1)
    axis.plot([x - drawn, x], [y, y], color="black", linewidth=1.2, marker="|", markersize=5)
    label = f"Critical difference {value_of('critical_difference', difference)}"
    label += "\n(wider than all ranks)" if drawn < difference else ""
    axis.text(x + 0.03 * side, y, label, ha="left", va="center", fontsize=8)
