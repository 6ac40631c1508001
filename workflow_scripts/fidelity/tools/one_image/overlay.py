"""Draw one image, one explainer's map over it, and the mask from the map."""

import numpy as np
from matplotlib.figure import Figure

from fidelity.figures.shared import style
from fidelity.figures.shared.drawn import (
    PREDICTED,
    REFERENCE,
    heat_bar,
    is_speckled,
    show_boxes,
    show_heat,
    show_mask,
)
from fidelity.presentation.titles import explainer_title
from fidelity.presentation.wording import counted, value_of
from fidelity.tools.one_image.explain import Answer, Explained

SHOWN = 28


def draw(found: Explained, answer: Answer) -> Figure:
    """Draw image, map and mask next to each other; the title names class, explainer and image."""
    image, heat, mask, boxes = found.image, answer.heat, answer.mask, answer.boxes
    aspect = image.shape[0] / image.shape[1]
    height = float(np.clip(2.15 * aspect, 1.2, 6.0)) + 1.15
    fig, axes = style.figure(1, 3, height=height)
    for axis in axes[0]:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
    plain, mapped, masked = axes[0]
    show_heat(mapped, heat)
    show_mask(masked, mask)
    plain.set_title("Image")
    mapped.set_title("Saliency map")
    masked.set_title(style.wrapped(f"Mask: {answer.rule}", 32), fontsize=8.5)
    if not heat.any():
        mapped.set_xlabel("no positive saliency", fontsize=8)
    drawn = "area" if is_speckled(mask) else "contour"
    told = [f"{drawn}: predicted mask" if mask.any() else "the mask is empty"]
    if boxes is not None:
        show_boxes(masked, boxes, PREDICTED, "--")
        told.append(f"dashed: {counted(len(boxes), 'box', 'boxes')} of the map")
    if found.reference:
        for axis in (plain, masked):
            show_boxes(axis, found.reference, REFERENCE)
        number = counted(len(found.reference), "reference box", "reference boxes")
        plain.set_xlabel(f"blue: {number}", fontsize=8)
    masked.set_xlabel(style.wrapped("; ".join(told), 34), fontsize=8)
    heat_bar(fig, axes, shrink=0.4, pad=0.02)
    names = found.target, explainer_title(answer.explainer), found.name
    target, explainer, name = (style.short(text, SHOWN) for text in names)
    probability = value_of("probability", found.probabilities[found.target])
    fig.suptitle(f"{target} (probability {probability})  ·  {explainer}  ·  {name}", fontsize=9.5)
    return fig
