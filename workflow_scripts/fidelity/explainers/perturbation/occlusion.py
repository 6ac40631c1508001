"""Occlusion (Zeiler & Fergus 2014): a square slides over the image and hides what it covers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from fidelity.explainers.base import Context, Explain, Explanation
from fidelity.explainers.lime.hidden_fill import hidden_image
from fidelity.explainers.perturbation.forward import classify_all, per_case
from fidelity.explainers.perturbation.hiding import unit_image
from fidelity.maps.saliency_map import SaliencyMap
from fidelity.masks.boxes import Box, box_of
from fidelity.settings.explainers import Lime, Occlusion

if TYPE_CHECKING:
    from fidelity.datasets.prepared import PreparedCase


def make(context: Context, settings: Occlusion) -> Explain:
    """Set up occlusion, with captum's windows and captum's mean over the windows of a pixel.

    Returns:
        A function from tasks to maps of kind `dense`. A map is f(image) - f(image with the window
        hidden), averaged over the windows that cover a pixel, in the unit of the output. Extras:
        windows, forward_passes (images classified for this case, all its classes together, without
        padding).
    """

    def explain(case: "PreparedCase", _seed: int, targets: Sequence[int]) -> list[Explanation]:
        image, hidden = unit_image(case.image), filling(case.image, settings)
        places = windows(image.shape, settings.window, settings.stride)
        boxes = [live_box(image != hidden, place) for place in places]
        # The unchanged image comes first; None (hiding this window changes nothing) shares its
        # output.
        distinct = list(dict.fromkeys([None, *boxes]))
        values = _values(context, settings, image, hidden, distinct)[:, targets]
        index = {box: number for number, box in enumerate(distinct)}
        losses = values[0] - values[[index[box] for box in boxes]]
        extras = {"windows": len(places), "forward_passes": len(distinct)}
        return [
            Explanation(SaliencyMap("dense", mean_over_windows(image.shape, places, loss)), extras)
            for loss in losses.T
        ]

    return per_case(context, explain)


def filling(image: np.ndarray, settings: Occlusion) -> np.ndarray:
    """Make what windows show, float32 (H, W) in [0, 1]: LIME's hidden image of a single superpixel.

    Args:
        image: uint8 (H, W).
    """
    as_lime = Lime(hide=settings.fill, hide_sigma=settings.fill_sigma)
    return hidden_image(image, np.zeros(image.shape, int), as_lime, 0).astype(np.float32)


def windows(shape: tuple[int, int], window: int, stride: int) -> list[Box]:
    """Place the windows as captum does, row by row from the upper left; the last ones are cut off.

    Args:
        shape: (height, width) in pixels.
        window: side in pixels, at most the image's.
        stride: step in pixels, at most the window, so that every pixel is covered.
    """
    rows, columns = (
        [stride * step for step in range(-(-(side - window) // stride) + 1)] for side in shape
    )
    height, width = shape
    return [(y, x, min(y + window, height), min(x + window, width)) for y in rows for x in columns]


def live_box(live: np.ndarray, window: Box) -> Box | None:
    """Shrink a window to the box of the pixels that hiding changes; None where it changes nothing.

    Two windows give the same image if, and only if, these boxes are equal. An equal box lies in
    both windows, so both hide what is in it, and hiding changes nothing outside it.

    Args:
        live: bool (H, W), pixels that hiding changes.
    """
    y0, x0, y1, x1 = window
    box = box_of(live[y0:y1, x0:x1])
    return box and (y0 + box[0], x0 + box[1], y0 + box[2], x0 + box[3])


def mean_over_windows(
    shape: tuple[int, int], places: Sequence[Box], values: np.ndarray
) -> np.ndarray:
    """Average the values of the windows over each pixel; returns float64 of the given shape."""
    totals, counts = np.zeros(shape), np.zeros(shape)
    for (y0, x0, y1, x1), value in zip(places, values, strict=True):
        totals[y0:y1, x0:x1] += value
        counts[y0:y1, x0:x1] += 1
    return totals / counts


def _values(
    context: Context,
    settings: Occlusion,
    image: np.ndarray,
    hidden: np.ndarray,
    boxes: Sequence[Box | None],
) -> np.ndarray:
    """Classify the image once per box to hide; float64 (boxes, classes)."""
    device = context.classifier.device
    shown, under = torch.from_numpy(image).to(device), torch.from_numpy(hidden).to(device)

    def perturb(run: slice) -> torch.Tensor:
        part = boxes[run]
        images = shown.repeat(len(part), 1, 1)
        for copy, box in zip(images, part, strict=True):
            if box is not None:
                y0, x0, y1, x1 = box
                copy[y0:y1, x0:x1] = under[y0:y1, x0:x1]
        return images

    return classify_all(context, settings, len(boxes), perturb)
