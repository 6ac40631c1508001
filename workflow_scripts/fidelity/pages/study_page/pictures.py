"""Pictures embedded in a page: figures as SVG, cases as PNG, both as data URLs."""

import io
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from fidelity.figures import gallery
from fidelity.figures.shared import style  # noqa: F401  (the look of all figures)

# Tried in this order until the pictures of a page fit.
RESOLUTIONS = (150, 120, 90, 60)
CASES_PER_GROUP = 2


def as_svg(figure: Figure) -> str:
    """Return a figure as a data URL with an SVG picture, and close the figure.

    In an image, an SVG runs no script and loads nothing. Equal figures give equal bytes.
    """
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "study", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return _address("svg+xml", buffer.getvalue())


def cases(files: Mapping[str, Any], settings: Mapping[str, Any], most: int) -> str:
    """Draw the two best, two median and two worst cases."""
    figure = gallery.draw(**files, gallery={**settings, "cases": CASES_PER_GROUP})
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    found = b""
    for dpi in RESOLUTIONS:
        found = _png(figure, dpi)
        if len(found) <= most:
            break
    plt.close(figure)
    return _address("png", found)


def _png(figure: Figure, dpi: int) -> bytes:
    """Write with 256 colours, which takes a third of the bytes.

    The usual choice of colours goes by their shares, and would give readers' thin lines one colour.
    """
    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    whole = Image.open(drawn).convert("RGB")
    picture = whole.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=1)
    picture.save(packed, format="png", optimize=True)
    return packed.getvalue()


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode('ascii')}"
