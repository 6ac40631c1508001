"""Confusion matrix and calibration of a classifier."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from fidelity.analysis.columns.classifiers import CALIBRATION, CONFUSION
from fidelity.analysis.localization import keep_test_split
from fidelity.figures.shared import style
from fidelity.presentation.wording import percent, value_of


def draw(confusion: str, calibration: str, classifier: str) -> Figure:
    """Draw confusion.csv and calibration.csv of a data set, only the rows of `classifier`."""
    matrix, bins = CONFUSION.read(confusion), CALIBRATION.read(calibration)
    tables = (table[table["classifier"] == classifier] for table in (matrix, bins))
    return plot(*tables)


def plot(confusion: pd.DataFrame, calibration: pd.DataFrame) -> Figure:
    """Draw the confusion matrix next to the reliability diagram.

    Args:
        confusion: rows of one classifier: split, true, predicted, n. Test split, if there is one.
        calibration: rows of one classifier: split, bin_low, bin_high, n, confidence, accuracy.

    Returns:
        The figure. It includes the expected calibration error, Σ n/N · |accuracy − confidence|
        (Guo et al. 2017).
    """
    confusion, calibration = keep_test_split(confusion), keep_test_split(calibration)
    classes = several(confusion)
    height = 3.6 if classes is None else max(3.6, 0.9 + 0.28 * len(classes))
    fig, axes = style.figure(1, 2, height=height, width_ratios=[1.15, 1])
    if classes is None:
        _matrix(fig, axes[0, 0], confusion)
    else:
        _findings(fig, axes[0, 0], confusion, classes)
    _reliability(axes[0, 1], calibration)
    return fig


def several(confusion: pd.DataFrame) -> list[str] | None:
    """Name the classes of a multi-label classifier, which also lists "not <class>"; else None."""
    names = list(dict.fromkeys(confusion["true"]))
    classes = [name for name in names if f"not {name}" in names]
    return classes if classes and len(names) == 2 * len(classes) else None


def _findings(fig: Figure, axis, confusion: pd.DataFrame, classes: list[str]) -> None:
    """Draw one row per class: a joint matrix would be empty except for its diagonal."""
    counts = confusion.set_index(["true", "predicted"])["n"]
    kinds = [("", "", "found"), ("", "not ", "missed"), ("not ", "", "false\nalarm")]
    kinds += [("not ", "not ", "rightly\nnot")]
    numbers = np.array(
        [[counts.get((t + name, p + name), 0) for t, p, _ in kinds] for name in classes], float
    )
    # Shares of the images that show the class, and of the images that do not.
    pairs = numbers.reshape(len(classes), 2, 2)
    totals = pairs.sum(axis=2, keepdims=True)
    shares = np.divide(pairs, totals, out=np.zeros_like(pairs), where=totals > 0)
    image = _cells(axis, numbers, shares.reshape(numbers.shape), "{:.0f}".format, aspect="auto")
    axis.set_xticks(range(len(kinds)), [kind for *_, kind in kinds])
    axis.set_yticks(range(len(classes)), [style.short(name, 18) for name in classes])
    axis.set(xlabel="At probability 0.5", ylabel="Class")
    fig.colorbar(image, ax=axis, shrink=0.8, label="Share of those that show it, or do not")


def _matrix(fig: Figure, axis, confusion: pd.DataFrame) -> None:
    names = list(dict.fromkeys([*confusion["true"], *confusion["predicted"]]))
    counts = (
        confusion.pivot_table(index="true", columns="predicted", values="n", aggfunc="sum")
        .reindex(index=names, columns=names)
        .fillna(0)
        .to_numpy(float)
    )
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    image = _cells(axis, counts, shares, lambda n, share: f"{n:.0f}\n{percent(share)}")
    labels = [style.short(name, 14) for name in names]
    axis.set_xticks(range(len(names)), labels)
    axis.set_yticks(range(len(names)), labels, rotation=90, va="center")
    if len(names) > 4:
        axis.set_xticks(range(len(names)), labels, rotation=40, ha="right")
        axis.set_yticks(range(len(names)), labels, rotation=0)
    axis.set(xlabel="Predicted class", ylabel="True class")
    fig.colorbar(image, ax=axis, shrink=0.8, label="Share of the true class")


def _cells(
    axis, counts: np.ndarray, shares: np.ndarray, word: Callable[[float, float], str], **how
) -> AxesImage:
    """Colour cells by their shares, and write into each the text that `word` returns for it."""
    for (row, column), share in np.ndenumerate(shares):
        axis.text(
            column,
            row,
            word(counts[row, column], share),
            ha="center",
            va="center",
            color="white" if share > 0.55 else "black",
            fontsize=8.5,
        )
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    return axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, **how)


def _reliability(axis, calibration: pd.DataFrame) -> None:
    used = calibration[calibration["n"] > 0]
    total = float(used["n"].sum())
    axis.plot([0, 1], [0, 1], color=style.GREY, linestyle="--", linewidth=1, label="calibrated")
    if total:
        error = float((used["n"] * (used["accuracy"] - used["confidence"]).abs()).sum() / total)
        # The share of cases in each bin, because a bin with two cases proves little.
        axis.bar(
            used["bin_low"],
            used["n"] / total,
            width=used["bin_high"] - used["bin_low"],
            align="edge",
            color="#DDDDDD",
            edgecolor="white",
            label="share of cases",
        )
        axis.plot(
            used["confidence"],
            used["accuracy"],
            color=style.PALETTE[0],
            marker="o",
            markersize=4.5,
            # Whole points, also at 0 and 1, in front of the axes.
            clip_on=False,
            zorder=3,
            label=f"classifier (expected calibration error {value_of('ece', error)})",
        )
    axis.set(
        xlabel="Confidence of the classifier",
        ylabel="Share of right predictions",
        xlim=(0, 1),
        ylim=(0, 1.02),
        aspect="equal",
    )
    # Below the axis, because no corner of the diagram is free for every classifier.
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
