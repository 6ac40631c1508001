"""Draw masks, references and boxes over an image, for gallery and overlay."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from fidelity.figures.shared import style
from fidelity.masks.boxes import Box, FloatBox

HEAT = "inferno"
REFERENCE, PREDICTED = "#56B4E9", "#FFFFFF"
AREA, OPACITY = "#7FFFD4", 0.55
# A mask with more parts is shown as an area: its contours would hide the picture.
MOST_PARTS = 8
# Longer side of a panel in pixels: enough for a panel of one or two inches in print.
PANEL = 320


@dataclass(frozen=True)
class Drawn:
    """A reference of a case, in pixels of the panel.

    Attributes:
        reference: (H, W) bool.
        boxes: one per lesion, (y0, x0, y1, x1); a mask may also have boxes.
    """

    reference: np.ndarray
    kind: Literal["mask", "box"] = "mask"
    boxes: Sequence[FloatBox] = ()


def frame(native_size: tuple[int, int]) -> tuple[int, int]:
    """Compute the size of a panel: the native image with `PANEL` pixels on its longer side."""
    scale = PANEL / max(native_size)
    return max(1, round(native_size[0] * scale)), max(1, round(native_size[1] * scale))


def scaled_box(box: Box, native_size: tuple[int, int], size: tuple[int, int]) -> Box:
    """Convert the box of the working image to pixels of the panel."""
    fy, fx = size[0] / native_size[0], size[1] / native_size[1]
    y0, x0 = round(box[0] * fy), round(box[1] * fx)
    return y0, x0, max(y0 + 1, round(box[2] * fy)), max(x0 + 1, round(box[3] * fx))


def place(array: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Resize a working image or mask into its box of the panel; 0 outside.

    Args:
        array: (h, w) uint8 or bool; masks are resized by nearest neighbour.
    """
    y0, x0, y1, x1 = box
    method = cv2.INTER_NEAREST_EXACT if array.dtype == np.bool_ else cv2.INTER_LINEAR
    inside = cv2.resize(array.astype(np.uint8), (x1 - x0, y1 - y0), interpolation=method)
    canvas = np.zeros(size, np.uint8)
    canvas[y0:y1, x0:x1] = inside
    return canvas.astype(array.dtype)


def show_heat(axis, heat: np.ndarray) -> None:
    """Draw a map in [0, 1] over a radiograph, which stays visible where the map is low."""
    opacity = np.clip(heat * 0.75, 0, 0.6)
    axis.imshow(heat, cmap=HEAT, vmin=0, vmax=1, alpha=opacity, interpolation="nearest")


def heat_bar(fig: Figure, axes: np.ndarray, shrink: float, pad: float) -> None:
    """Draw the colour bar of maps below the axes."""
    mappable = ScalarMappable(Normalize(0, 1), HEAT)
    bar = fig.colorbar(mappable, ax=axes, location="bottom", shrink=shrink, aspect=40, pad=pad)
    bar.set_label("Normalised saliency")


def is_speckled(mask: np.ndarray) -> bool:
    """Check whether a mask, such as that of a gradient map, has too many parts to outline."""
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1 > MOST_PARTS


def show_mask(axis, mask: np.ndarray) -> None:
    """Draw a predicted mask: its contour, or a translucent area if it has many parts."""
    if not is_speckled(mask):
        outline(axis, mask, PREDICTED)
        return
    axis.imshow(
        np.ma.masked_equal(mask, 0),
        cmap=ListedColormap([AREA]),
        alpha=OPACITY,
        interpolation="nearest",
    )


def show_reference(
    axis, drawn: Drawn, colour: str = REFERENCE, dashes: Sequence[float] = ()
) -> None:
    """Draw a mask's contour, or each box; boxes beside a mask are always dashed."""
    line = (0, tuple(dashes)) if dashes else "-"
    if drawn.kind == "mask":
        outline(axis, drawn.reference, colour, line)
    show_boxes(axis, drawn.boxes, colour, "--" if drawn.kind == "mask" else line)


def show_boxes(axis, boxes: Iterable[FloatBox], colour: str, line: style.Dash = "-") -> None:
    """Draw boxes in pixels of the axis's image, with dark edges as contours have."""
    for y0, x0, y1, x1 in boxes:
        # The centre of the first pixel is at 0.
        corner, sides = (x0 - 0.5, y0 - 0.5), (x1 - x0, y1 - y0)
        box = Rectangle(corner, *sides, fill=False, edgecolor=colour, linewidth=1.1, linestyle=line)
        box.set_path_effects([Stroke(linewidth=2.2, foreground="black"), Normal()])
        axis.add_patch(box)


def outline(axis, mask: np.ndarray, colour: str, line: style.Dash = "-") -> None:
    """Draw the contour of a mask, with a dark edge to be visible on any image."""
    if not mask.any():
        return
    # An empty margin closes the contour of a mask that touches the image border.
    padded = np.pad(mask.astype(float), 1)
    height, width = mask.shape
    x, y = np.arange(-1, width + 1), np.arange(-1, height + 1)
    contour = axis.contour(x, y, padded, levels=[0.5], colors=colour, linewidths=1.1)
    contour.set(linestyle=line)
    contour.set_path_effects([Stroke(linewidth=2.2, foreground="black"), Normal()])
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
