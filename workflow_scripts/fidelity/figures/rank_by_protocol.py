"""Rank of every explainer under every protocol and binarization: where the conclusion depends."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    NO_CLASSIFIER,
    keep_test_split,
    pooled_classes,
)
from fidelity.figures.shared import style
from fidelity.metrics.registry import METRICS, title_of
from fidelity.presentation.titles import (
    binarization_title,
    explainer_title,
    ordered,
    protocol_title,
)

# The distance of a protocol is the first of these that it has.
DISTANCES = ("hausdorff_full", "hausdorff_boundary", "hd95_boundary")
# Inches per setting: rows of text as far as a page has room.
ROW, SMALLEST_ROW, PAGE = 0.185, 0.15, 10.5
CHANGED = "#D55E00"
ABSENT = "not in this protocol"


@dataclass(frozen=True)
class Ranks:
    """Ranks of the explainers' means, one row per setting.

    Attributes:
        settings: (protocol, binarization) of each row.
        explainers: of each column.
        values: (settings, explainers) rank, 1 = best, ties share; nan where undefined.
        winners: per row the column of the best explainer of the classifier; −1 if there is none or
            several share the place.
    """

    settings: list[tuple[str, str]]
    explainers: list[str]
    values: np.ndarray
    winners: np.ndarray


def draw(
    localization: str, classifier: str, metric: str, binarization: str, diagnostic: Sequence[str]
) -> Figure:
    """Draw the heat maps of one classifier and of the explainers that need none.

    Args:
        localization: localization.csv of the data set.
        classifier: its rows, and those of explainers without one.
        metric: the primary one.
        binarization: the primary one.
        diagnostic: see `plot`.

    Returns:
        The figure.
    """
    table = LOCALIZATION.read(localization)
    return plot(
        table[table["classifier"].isin([classifier, NO_CLASSIFIER])],
        primary=metric,
        primary_binarization=binarization,
        diagnostic=diagnostic,
    )


def plot(
    localization: pd.DataFrame,
    *,
    primary: str = "iou",
    primary_binarization: str | None = None,
    diagnostic: Sequence[str] = (),
) -> Figure:
    """Draw two heat maps: ranks by the primary metric, below it those by the Hausdorff distance.

    Args:
        localization: rows of localization.csv of one data set and classifier, null baselines
            included; the test split, all classes together.
        primary: metric of the upper panel.
        primary_binarization: with the default protocol the setting that others are compared with.
        diagnostic: binarizations that see the reference; left out.

    Returns:
        The figure. Rows are settings, columns explainers, null baselines and ceilings apart. The
        winner among the explainers of the classifier is framed. A mark at the row's end shows that
        it is not the winner of the primary setting.
    """
    shown = keep_test_split(localization)
    shown = shown[~shown["binarization"].isin([*diagnostic, "none"])]
    shown = pooled_classes(shown)
    several = shown["protocol"].nunique() > 1
    panels = [
        (f"Rank by {title_of(primary)}", [primary]),
        (f"Rank by Hausdorff distance{' of each protocol' if several else ''}", list(DISTANCES)),
    ]
    ranked = [(title, ranks_of(shown, names)) for title, names in panels]
    ranked = [(title, ranks) for title, ranks in ranked if len(ranks.settings)]
    if not ranked:
        return style.message(f"No {title_of(primary)} was computed.")
    settings = list(dict.fromkeys(setting for _, ranks in ranked for setting in ranks.settings))
    settings.sort(key=lambda setting: list(shown["protocol"].unique()).index(setting[0]))
    row = float(np.clip((PAGE - 2.4) / (len(settings) * len(ranked)), SMALLEST_ROW, ROW))
    height = (row * len(settings) + 0.3) * len(ranked) + 2.4
    fig, axes = style.figure(len(ranked), 1, height=height, sharex=True)
    reference = (DEFAULT_PROTOCOL, primary_binarization or settings[0][1])
    for axis, (title, ranks) in zip(axes.flat, ranked, strict=True):
        _panel(axis, ranks, settings, reference)
        axis.set_title(title, loc="left", fontsize=8.5)
        _label_rows(axis, settings)
    fig.legend(
        handles=_legend(
            [protocol_title(reference[0])] * several + [binarization_title(reference[1])]
        ),
        loc="outside lower center",
        ncols=1,
    )
    return fig


def ranks_of(localization: pd.DataFrame, metrics: Sequence[str]) -> Ranks:
    """Rank the explainers' means in every setting.

    Args:
        localization: one class, diagnostic rules left out.
        metrics: the first of these that a protocol has is ranked.

    Returns:
        The ranks, explainers of the classifier first, then null baselines, then ceilings.
    """
    order = ("real", "baseline", "ceiling")
    names = ordered(list(localization["explainer"].unique()))
    names.sort(key=lambda name: order.index(style.kind_of(name)))
    real = [style.kind_of(name) == "real" for name in names]
    settings, rows, winners = [], [], []
    grouped = localization.groupby(["protocol", "binarization"], sort=False)
    for setting, part in grouped:
        metric = next((name for name in metrics if (part["metric"] == name).any()), None)
        means = part[part["metric"] == metric].set_index("explainer")["mean"]
        higher = metric not in METRICS or METRICS[metric].direction == "higher"
        values = means.reindex(names) * (-1 if higher else 1)
        if values.isna().all():
            continue
        settings.append(setting)
        rows.append(values.rank(method="average").to_numpy())
        of_real = values[real]
        best = np.flatnonzero(of_real == of_real.min())
        winners.append(int(np.flatnonzero(real)[best[0]]) if len(best) == 1 else -1)
    matrix = np.array(rows) if rows else np.empty((0, len(names)))
    return Ranks(settings, names, matrix, np.array(winners, dtype=int))


def _panel(
    axis,
    ranks: Ranks,
    settings: Sequence[tuple[str, str]],
    reference: tuple[str, str],
) -> None:
    count = len(ranks.explainers)
    values = np.full((len(settings), count), np.nan)
    winners = dict(zip(ranks.settings, ranks.winners, strict=True))
    for setting, row in zip(ranks.settings, ranks.values, strict=True):
        values[settings.index(setting)] = row
    axis.imshow(values, cmap="cividis_r", vmin=1, vmax=max(count, 2), aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "white" if value > 1 + 0.55 * (count - 1) else "black"
            text = f"{value:g}" if value % 1 != 0.5 else f"{int(value)}½"
            size = 8 if count <= 10 else 7
            axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    for row in np.flatnonzero(np.isnan(values).all(axis=1)):
        where = ((count - 1) / 2, row)
        axis.text(*where, ABSENT, ha="center", va="center", color="0.45", fontsize=7.5)
    usual = winners.get(reference, -1)
    for row, setting in enumerate(settings):
        winner = winners.get(setting, -1)
        if winner < 0:
            continue
        changed = usual >= 0 and winner != usual
        colour = CHANGED if changed else "black"
        # Inside its cell, clear of the lines between groups.
        corner, size = (winner - 0.46, row - 0.44), (0.92, 0.88)
        axis.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, lw=1.6, zorder=4))
        if changed:
            axis.plot(count - 0.25, row, marker="<", color=CHANGED, markersize=5, clip_on=False)
    kinds = [style.kind_of(name) for name in ranks.explainers]
    for column in range(1, count):
        if kinds[column] != kinds[column - 1]:
            axis.axvline(column - 0.5, color="white", linewidth=3)
    for row in range(1, len(settings)):
        if settings[row][0] != settings[row - 1][0]:
            axis.axhline(row - 0.5, color="white", linewidth=3)
    labels = [style.short(explainer_title(name), 36) for name in ranks.explainers]
    axis.set_xticks(range(count), labels, rotation=90)
    axis.set_xlim(-0.5, count)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def _label_rows(axis, settings: Sequence[tuple[str, str]]) -> None:
    several = len({protocol for protocol, _ in settings}) > 1
    labels = [
        " · ".join(
            [style.short(protocol_title(protocol), 20)] * several
            + [style.short(binarization_title(rule), 24 if several else 30)]
        )
        for protocol, rule in settings
    ]
    axis.set_yticks(range(len(settings)), labels)
    # Beside the names it would take the columns' room; above them it takes none.
    title = "Protocol · binarization" if several else "Binarization"
    axis.annotate(
        title,
        (0, 1),
        (-4, mpl.rcParams["axes.titlepad"]),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
    )


def _legend(reference: Sequence[str]) -> list[Line2D]:
    frame = {"linestyle": "none", "marker": "s", "markersize": 8, "markerfacecolor": "none"}
    usual = "rank 1 = best mean; framed: the best explainer of the classifier"
    changed = f"orange: another one is best under {' · '.join(reference)}"
    return [
        Line2D([], [], markeredgecolor="black", markeredgewidth=1.8, label=usual, **frame),
        Line2D([], [], markeredgecolor=CHANGED, markeredgewidth=1.8, label=changed, **frame),
    ]
