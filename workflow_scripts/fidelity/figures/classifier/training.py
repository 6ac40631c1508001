"""Loss and accuracy over the epochs of a training."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fidelity.base.files import read_csv
from fidelity.figures.shared import style

TITLES = ("Loss (lower is better)", "Accuracy (higher is better)")


def draw(training: str) -> Figure:
    """Draw training.csv of a classifier."""
    return plot(read_csv(training))


def plot(training: pd.DataFrame) -> Figure:
    """Draw the training and validation curves; mark the epoch that was kept and the stages.

    Args:
        training: training.csv: epoch, stage, learning_rate, train_loss, train_accuracy, val_loss,
            val_accuracy, best (1 in the row of the epoch kept).

    Returns:
        The figure; only a message if the classifier was loaded, not trained (no rows).
    """
    if training.empty:
        return style.message("This classifier was loaded from a file, not trained here.")
    fig, axes = style.figure(1, 2, height=2.7)
    epochs = training["epoch"]
    best = training[training["best"].astype(str).str.lower().isin(["1", "1.0", "true"])]
    stages = training.groupby("stage", sort=False)["epoch"].min()
    for axis, measure, title in zip(
        axes[0],
        ("loss", "accuracy"),
        TITLES,
        strict=True,
    ):
        for part, label, colour, marker, dash in (
            ("train", "training", style.PALETTE[0], "o", "-"),
            ("val", "validation", style.PALETTE[1], "s", "--"),
        ):
            values = training[f"{part}_{measure}"]
            axis.plot(
                epochs, values, dash, color=colour, marker=marker, markersize=3.5, label=label
            )
        for start in list(stages)[1:]:
            axis.axvline(start - 0.5, color=style.GREY, linewidth=0.8, linestyle=":")
        if len(best):
            epoch, value = best["epoch"].iloc[0], best[f"val_{measure}"].iloc[0]
            axis.axvline(epoch, color="black", linewidth=0.8, zorder=0)
            axis.plot(
                epoch,
                value,
                marker="*",
                markersize=11,
                color="white",
                markeredgecolor="black",
                linestyle="none",
                label=f"kept: epoch {epoch}",
                zorder=5,
                clip_on=False,
            )
        axis.set(xlabel="Epoch", ylabel=title)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].margins(y=0.08)
    axes[0, 1].set_ylim(top=1.02)
    style.legend_below(fig, axes[0, 0].get_legend_handles_labels()[0], 3)
    return fig
