"""One look for all figures: readable in print, safe for colour-blind readers, equal bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402  (the backend is chosen before)
from matplotlib.figure import Figure  # noqa: E402

from fidelity.files import atomic_path  # noqa: E402

# Okabe & Ito 2008, "Color Universal Design"; yellow last: weak on white.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*", "<", ">"]
DASHES = ["-", "--", ":", "-."]
GREY = "#666666"
# Full text width of an A4 or letter page, in inches: fonts keep their size in print.
WIDTH = 7.0
DPI = 200
# Slots of the explainers everybody meets, so that they look alike in every figure and study.
RESERVED = {"lime": 0, "gradcam": 1, "lung_mask": 6, "centre_prior": 3, "random_superpixels": 4}
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
    "figure.dpi": 100,
}
# For the whole process: legends and colour bars are made after the figure.
mpl.rcParams.update(RC)


@dataclass(frozen=True)
class Look:
    """How one explainer is drawn."""

    colour: str
    marker: str
    dash: str


def looks(explainers: Sequence[str]) -> dict[str, Look]:
    """Give each explainer its colour, marker and line.

    Args:
        explainers: names, in the order of the config.

    Returns:
        {name: look}. Well-known names have a fixed look; the others take the free ones in order,
        and after eight the colours return with another marker and line.
    """
    names = list(dict.fromkeys(explainers))
    slots = {name: RESERVED[name] for name in names if name in RESERVED}
    free = iter(slot for slot in range(len(names) + len(PALETTE)) if slot not in slots.values())
    for name in names:
        if name not in slots:
            slots[name] = next(free)
    return {
        name: Look(
            PALETTE[slots[name] % len(PALETTE)],
            MARKERS[slots[name] % len(MARKERS)],
            DASHES[slots[name] // len(PALETTE) % len(DASHES)],
        )
        for name in names
    }


def figure(rows: int = 1, columns: int = 1, height: float = 3.0, **options) -> tuple:
    """Start a figure of full text width.

    Args:
        rows: of axes.
        columns: of axes.
        height: in inches.
        **options: for matplotlib's `subplots`.

    Returns:
        The Figure and the (rows, columns) array of Axes.
    """
    return plt.subplots(
        rows,
        columns,
        figsize=(options.pop("width", WIDTH), height),
        layout="constrained",
        squeeze=False,
        **options,
    )


def message(text: str) -> Figure:
    """Make a figure that only says why there is nothing to draw."""
    fig, axes = figure(height=1.2)
    axes[0, 0].axis("off")
    axes[0, 0].text(0.5, 0.5, text, ha="center", va="center")
    return fig


def save(fig: Figure, paths: Sequence[str], dpi: int = DPI) -> None:
    """Write a figure in each format by suffix, without dates or versions, and close it.

    Args:
        fig: the figure.
        paths: .png or .pdf files, written atomically.
        dpi: resolution of PNGs and of images inside PDFs.
    """
    metadata: Mapping[str, Mapping[str, None]] = {
        ".png": {"Software": None},
        ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    # Laid out once: both formats look the same, and the layout is the slow part.
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    for path in paths:
        with atomic_path(path) as temporary:
            fig.savefig(temporary, dpi=dpi, metadata=metadata[temporary.suffix])
    plt.close(fig)


def short(text: str, limit: int = 22) -> str:
    """Shorten a name in its middle, so that both ends stay to tell names apart."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[-(limit - 1 - head) :]}"


def wrapped(name: str) -> str:
    """Break a long name at an underscore, hyphen or point, so that columns stay narrow."""
    if len(name) <= 11:
        return name
    cuts = [index for index, letter in enumerate(name) if letter in "_-."]
    if not cuts:
        return short(name, 14)
    cut = min(cuts, key=lambda index: abs(index - len(name) / 2)) + 1
    return f"{short(name[:cut], 14)}\n{short(name[cut:], 14)}"
