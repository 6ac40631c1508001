"""One look for all figures: readable in print, colour-blind safe, byte-identical files."""

import logging
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")
# Otherwise every glyph of a font embedded in a PDF is logged.
logging.getLogger("fontTools").setLevel(logging.WARNING)

from matplotlib import pyplot as plt  # noqa: E402  (the backend is chosen before)
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.legend import Legend  # noqa: E402

from fidelity.base.files import atomic_path  # noqa: E402
from fidelity.explainers.registry import explains  # noqa: E402
from fidelity.presentation import titles  # noqa: E402

# Okabe & Ito 2008, "Color Universal Design"; yellow is last because it is weak on white.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442"]
GREY = "#666666"
# Full text width of an A4 or letter page, in inches: fonts keep their size in print.
WIDTH = 7.0
# Height of the line that `name_rule` adds, in inches.
HEADING = 0.22
DPI = 200
# Fixed slots of common explainers, so that they look the same in every figure and study. Explainers
# of the classifier have strong colours, null baselines are grey, ceilings are black.
RESERVED = {
    "real": {"lime": 0, "gradcam": 1},
    "baseline": {
        "lung_mask": 0,
        "centre_prior": 1,
        "random_superpixels": 2,
        "mean_mask": 3,
        "lower_lung": 4,
        "peripheral_lung": 5,
        "edge_map": 6,
        "random_cam": 7,
        "random_weights": 8,
        "mean_box": 9,
        "centre_box": 10,
        "random_box": 11,
        "heart_mask": 12,
    },
    "ceiling": {"unet": 0, "second_reader": 1},
}
COLOURS = {
    "real": [colour for colour in PALETTE if colour != "#000000"],
    "baseline": ["#4D4D4D", "#7A7A7A", "#A3A3A3"],
    "ceiling": ["#000000"],
}
# Only filled markers, because scatter plots draw them without edges.
GROUP_MARKERS = {
    "real": ["o", "s", "^", "D", "v", "P", "<", ">"],
    "baseline": ["X", "d", "*", "p", "h", "8", "H"],
    "ceiling": ["D", "s", "o"],
}
GROUP_DASHES = {
    "real": ["-", (0, (6, 1.5)), "-.", ":"],
    "baseline": ["-", "--", ":", "-."],
    "ceiling": ["--", (0, (1, 1))],
}
RC = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": False,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "pdf.fonttype": 42,
    # A title may contain a dollar sign.
    "text.parse_math": False,
    "figure.dpi": 100,
}
# Set for the whole process, because legends and colour bars are created after the figure.
mpl.rcParams.update(RC)


Dash = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class Look:
    """How one explainer is drawn."""

    colour: str
    marker: str
    dash: Dash


def looks(explainers: Iterable[str]) -> dict[str, Look]:
    """Give each explainer its colour, marker and line, the same in all figures of a study.

    Returns:
        {key: look}, in the display order of explainers (`titles.showing`). Well-known keys have a
        fixed look; others of their kind take the free looks in the order of the config. When
        colours repeat, line and marker change. Colours set in the config replace these, and no
        other explainer gets them as long as other colours are left.
    """
    wanted = titles.ordered(list(dict.fromkeys(explainers)))
    chosen = titles.shown().colours
    # Uses all explainers of the study, so that a look does not depend on what a figure shows.
    names = list(dict.fromkeys([*titles.shown().families, *wanted]))
    found = {}
    for kind, reserved in RESERVED.items():
        colours, markers, dashes = COLOURS[kind], GROUP_MARKERS[kind], GROUP_DASHES[kind]
        taken = {colour.upper() for colour in chosen.values()} & set(colours)
        taken = taken if len(taken) < len(colours) else set()
        of_kind = [name for name in names if kind_of(name) == kind]
        slots = {name: reserved[name] for name in of_kind if name in reserved}
        slots = {
            name: slot
            for name, slot in slots.items()
            if name in chosen or colours[slot % len(colours)] not in taken
        }
        used = set(slots.values())
        free = (
            slot
            for slot in count()
            if slot not in used and colours[slot % len(colours)] not in taken
        )
        for name in of_kind:
            slot = slots[name] if name in slots else next(free)
            found[name] = Look(
                chosen.get(name, colours[slot % len(colours)]),
                markers[slot % len(markers)],
                dashes[slot // len(colours) % len(dashes)],
            )
    return {name: found[name] for name in wanted}


def kind_of(name: str) -> str:
    """Classify an explainer: of the classifier (`real`), null baseline or ceiling."""
    family = titles.shown().families.get(name)
    if family is None:
        family = next((kind for kind in ("baseline", "ceiling") if name in RESERVED[kind]), "real")
    return "real" if explains(family) else family


def figure(rows: int = 1, columns: int = 1, height: float = 3.0, **options) -> tuple:
    """Start a figure of full text width; return it and the (rows, columns) array of its axes.

    Args:
        height: in inches.
        **options: for matplotlib's `subplots`.
    """
    return plt.subplots(
        rows,
        columns,
        figsize=(options.pop("width", WIDTH), height),
        layout="constrained",
        squeeze=False,
        **options,
    )


def interval_errors(rows: pd.DataFrame) -> np.ndarray:
    """Compute the lengths of error bars from `mean` to `ci_low` and `ci_high`: (2, rows)."""
    return np.abs(rows[["ci_low", "ci_high"]].to_numpy(float).T - rows["mean"].to_numpy(float))


def message(text: str) -> Figure:
    """Make a figure that only states why there is nothing to draw."""
    fig, axes = figure(height=1.2)
    axes[0, 0].axis("off")
    axes[0, 0].text(0.5, 0.5, text, ha="center", va="center")
    return fig


def save(fig: Figure, paths: Sequence[str], dpi: int = DPI) -> None:
    """Write a figure in the format of each suffix, without dates or versions, and close it.

    Args:
        paths: .png or .pdf files, written atomically.
    """
    metadata: Mapping[str, Mapping[str, None]] = {
        ".png": {"Software": None},
        ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    # Compute the layout, the slow part, only once; so both formats look the same.
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    for path in paths:
        with atomic_path(path) as temporary:
            fig.savefig(temporary, dpi=dpi, metadata=metadata[temporary.suffix])
    plt.close(fig)


def short(text: str, limit: int = 22) -> str:
    """Shorten a name in its middle, so that both ends still distinguish it."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[-(limit - 1 - head) :]}"


def wrapped(text: str, width: int = 16, lines: int = 2) -> str:
    """Break a text into lines, so that labels stay narrow.

    Args:
        text: a title, or a name from code, which may also be broken after points and underscores.
        lines: largest number of lines; the rest of the text is shortened in its middle.
    """
    # A name may be broken after a point or underscore, as after a blank, but not inside 0.15.
    broken = re.sub(r"(?<=[._])(?!(?<=\b\d\.)\d)(?=\w)", " ", text)
    parts = textwrap.wrap(broken, width, break_long_words=False)
    rest = " ".join(parts[lines - 1 :])
    parts = [re.sub(r"(?<=[._]) ", "", part) for part in [*parts[: lines - 1], rest]]
    return "\n".join(short(part, width + 2) for part in parts if part)


def before_bracket(label: str) -> str:
    """Break a label before its last bracket, which contains unit and direction."""
    return "\n(".join(label.rsplit(" (", 1))


def name_rule(fig: Figure, rule: str) -> None:
    """Write the title of the binarization above a figure, if it has one."""
    if rule:
        fig.suptitle(titles.binarization_title(rule), fontsize=9)


def legend_below(fig: Figure, handles: Sequence[Any], most: int, **how: Any) -> Legend:
    """Put a legend below the axes, in as many columns as the figure's width allows.

    Args:
        fig: with all axes drawn.
        handles: have their own labels, unless `how` contains `labels`.
    """
    columns = max(1, min(most, len(handles)))
    while True:
        legend = fig.legend(handles=handles, loc="outside lower center", ncols=columns, **how)
        if columns == 1 or legend.get_window_extent().width <= fig.bbox.width:
            return legend
        legend.remove()
        columns -= 1
