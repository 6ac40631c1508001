"""Rank of every explainer under every protocol and binarization: what the conclusion depends on."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from fidelity.analysis.columns.localization import LOCALIZATION
from fidelity.analysis.localization import (
    DEFAULT_PROTOCOL,
    direction_of,
    keep_test_split,
    of_classifier,
    pooled_classes,
)
from fidelity.figures.forest import by_kind
from fidelity.figures.shared import style
from fidelity.metrics.registry import METRICS, title_of
from fidelity.presentation.titles import binarization_title, explainer_title, protocol_title

# The distance used for a protocol is the first of these that it has.
DISTANCES = ("hausdorff_full", "hausdorff_boundary", "hd95_boundary")
# Ranked next to a primary distance.
OVERLAP = ("iou",)
# Marks of protocols by the metric that ranks them, in the order of use.
MARKS = ("", "*", "†")
# Inches per setting: a row of text, or less if the page is too short.
ROW, SMALLEST_ROW, PAGE = 0.185, 0.15, 10.5
CHANGED = "#D55E00"


@dataclass(frozen=True)
class Ranks:
    """Ranks of the explainers' means, one row per setting.

    Attributes:
        settings: (protocol, binarization) of each row.
        explainers: the explainer of each column.
        values: (settings, explainers) rank, 1 = best, ties share; nan where undefined.
        winners: per row the column of the best explainer of the classifier; −1 if there is none or
            several share first place.
        metric: title of the ranked metric; if protocols have different ones, each with its mark.
        marks: protocol → mark of its metric; the first metric has no mark.
    """

    settings: list[tuple[str, str]]
    explainers: list[str]
    values: np.ndarray
    winners: np.ndarray
    metric: str
    marks: dict[str, str]


def draw(
    localization: str, classifier: str, metric: str, binarization: str, diagnostic: Sequence[str]
) -> Figure:
    """Draw the heat maps of one classifier and of the explainers that need none.

    Args:
        classifier: whose rows to draw; those of explainers without a classifier are included.
        diagnostic: see `plot`.
    """
    return plot(
        of_classifier(LOCALIZATION.read(localization), classifier),
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
    """Draw two heat maps of ranks: by the primary metric, and below it by the Hausdorff distance.

    If the primary metric is a distance, the lower one is by IoU.

    Args:
        localization: rows of localization.csv of one data set and classifier, null baselines
            included; the test split, all classes together.
        primary: metric of the upper panel.
        primary_binarization: together with the default protocol, the setting that others are
            compared with.
        diagnostic: binarizations that use the reference; left out.

    Returns:
        The figure. Rows are settings and columns are explainers; null baselines and ceilings are
        set apart. The winner among the explainers of the classifier is framed. A mark at the row's
        end shows that it differs from the winner of the primary setting.
    """
    shown = keep_test_split(localization)
    shown = shown[~shown["binarization"].isin([*diagnostic, "none"])]
    shown = pooled_classes(shown)
    several = shown["protocol"].nunique() > 1
    other = DISTANCES if METRICS[primary].unit == "1" else OVERLAP
    ranked = [ranks_of(shown, names) for names in ([primary], other)]
    ranked = [ranks for ranks in ranked if len(ranks.settings)]
    if not ranked:
        return style.message(f"No {title_of(primary)} was computed.")
    rows = [len(ranks.settings) for ranks in ranked]
    row = float(np.clip((PAGE - 2.4) / sum(rows), SMALLEST_ROW, ROW))
    height = row * sum(rows) + 0.3 * len(ranked) + 1.7
    fig, axes = style.figure(len(ranked), 1, height=height, sharex=True, height_ratios=rows)
    reference = (DEFAULT_PROTOCOL, primary_binarization or ranked[0].settings[0][1])
    changed = False
    for axis, ranks in zip(axes.flat, ranked, strict=True):
        changed |= _panel(axis, ranks, reference)
        heading = style.wrapped(f"Rank (1 = best mean) by {ranks.metric}", 74, 2)
        axis.set_title(heading, loc="left", fontsize=8.5)
        _label_rows(axis, ranks, several)
    where = [protocol_title(reference[0])] * several + [binarization_title(reference[1])]
    fig.legend(
        handles=_legend(where)[: 1 + changed],
        loc="outside lower center",
        ncols=1,
    )
    return fig


def ranks_of(localization: pd.DataFrame, metrics: Sequence[str]) -> Ranks:
    """Rank the means in every setting: explainers first, then null baselines, then ceilings.

    Args:
        localization: rows of one class, without diagnostic binarizations.
        metrics: the first of these that a protocol has is ranked.
    """
    names = by_kind(localization["explainer"].unique())
    real = [style.kind_of(name) == "real" for name in names]
    settings, rows, winners = [], [], []
    used: dict[str, str] = {}
    grouped = localization.groupby(["protocol", "binarization"], sort=False)
    protocols = list(localization["protocol"].unique())
    for setting, part in sorted(grouped, key=lambda item: protocols.index(item[0][0])):
        metric = next((name for name in metrics if (part["metric"] == name).any()), None)
        means = part[part["metric"] == metric].set_index("explainer")["mean"]
        values = means.reindex(names) * (-1 if direction_of(metric) == "higher" else 1)
        if values.isna().all():
            continue
        settings.append(setting)
        used[setting[0]] = title_of(metric)
        rows.append(values.rank(method="average").to_numpy())
        of_real = values[real]
        best = np.flatnonzero(of_real == of_real.min())
        winners.append(int(np.flatnonzero(real)[best[0]]) if len(best) == 1 else -1)
    matrix = np.array(rows) if rows else np.empty((0, len(names)))
    signs = dict(zip(dict.fromkeys(used.values()), MARKS, strict=False))
    marks = {protocol: signs[name] for protocol, name in used.items()}
    heading = "; ".join(f"{sign} by {name}" if sign else name for name, sign in signs.items())
    return Ranks(settings, names, matrix, np.array(winners, dtype=int), heading, marks)


def _panel(axis, ranks: Ranks, reference: tuple[str, str]) -> bool:
    """Draw one heat map; return whether another explainer than in the reference wins somewhere."""
    count, settings, values = len(ranks.explainers), ranks.settings, ranks.values
    winners = dict(zip(settings, ranks.winners, strict=True))
    axis.imshow(values, cmap="cividis_r", vmin=1, vmax=max(count, 2), aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "white" if value > 1 + 0.55 * (count - 1) else "black"
            text = f"{value:g}" if value % 1 != 0.5 else f"{int(value)}½"
            size = 8 if count <= 10 else 7
            axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    usual, some = winners.get(reference, -1), False
    for row, winner in enumerate(ranks.winners):
        if winner < 0:
            continue
        changed = usual >= 0 and winner != usual
        some |= changed
        colour = CHANGED if changed else "black"
        # Inside its cell, away from the lines between groups.
        corner, size = (winner - 0.46, row - 0.44), (0.92, 0.88)
        frame = Rectangle(corner, *size, fill=False, edgecolor=colour, lw=1.6, zorder=4)
        # A light edge makes the frame visible on dark cells.
        frame.set_path_effects([Stroke(linewidth=3.2, foreground="white"), Normal()])
        axis.add_patch(frame)
        if changed:
            axis.plot(count - 0.25, row, marker="<", color=CHANGED, markersize=5, clip_on=False)
    kinds = [style.kind_of(name) for name in ranks.explainers]
    for column in range(1, count):
        if kinds[column] != kinds[column - 1]:
            axis.axvline(column - 0.5, color="white", linewidth=3)
    for row in range(1, len(settings)):
        if settings[row][0] != settings[row - 1][0]:
            axis.axhline(row - 0.5, color="white", linewidth=3)
    labels = [style.wrapped(explainer_title(name), 20, 2) for name in ranks.explainers]
    axis.set_xticks(range(count), labels, rotation=90)
    axis.set_xlim(-0.5, count)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return some


def _label_rows(axis, ranks: Ranks, several: bool) -> None:
    labels = [
        " · ".join(
            [style.short(protocol_title(protocol), 20) + ranks.marks[protocol]] * several
            + [style.short(binarization_title(rule), 24 if several else 30)]
        )
        for protocol, rule in ranks.settings
    ]
    axis.set_yticks(range(len(labels)), labels)
    # Beside the names, the title would take room from the columns; above them, it takes none.
    title = "Protocol · binarization" if several else "Binarization"
    axis.annotate(
        title,
        (0, 1),
        (-4, mpl.rcParams["axes.titlepad"]),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
        fontstyle="italic",
        color=style.GREY,
    )


def _legend(reference: Sequence[str]) -> list[Line2D]:
    frame = {"linestyle": "none", "marker": "s", "markersize": 8, "markerfacecolor": "none"}
    usual = "frame: best explainer (never a null baseline or ceiling)"
    changed = f"orange: another one is best in the panel's row {' · '.join(reference)}"
    return [
        Line2D([], [], markeredgecolor="black", markeredgewidth=1.8, label=usual, **frame),
        Line2D([], [], markeredgecolor=CHANGED, markeredgewidth=1.8, label=changed, **frame),
    ]
