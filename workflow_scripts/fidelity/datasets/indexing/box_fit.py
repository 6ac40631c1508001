"""Scale the boxes of a case to its image: resized copies, and boxes that leave the image."""

from pathlib import Path
from typing import Literal

from fidelity.base.errors import InputError
from fidelity.datasets.annotations.drawn import RELATIVE, ROUNDING
from fidelity.datasets.cases import Case
from fidelity.masks.boxes import FloatBox, scale_boxes

OutsideBoxes = Literal["refuse", "clip"]

# With a larger relative difference of aspect ratios, masks or boxes cannot belong to an image.
ASPECT_TOLERANCE = 0.01
SCALED = "have boxes in pixels of another size of the image, which were scaled to it"
REPEATED = "have a box more than once; each counts as a lesion of its own"
CLIPPED = "have boxes that leave the image, which were cut at its border"


class BoxMisfitError(InputError):
    """A box does not fit its image: a fault of the data set, not of one file."""


def fitted_boxes(
    case: Case,
    image: tuple[int, int],
    native: tuple[int, int],
    outside: OutsideBoxes,
    root: Path,
    notes: list[str],
) -> dict[str, tuple[FloatBox, ...]]:
    """Return the boxes of a case in pixels of its native image, per class, in the source's order.

    Args:
        image: (height, width) of the image file.
        native: (height, width) at which the case is scored.
        outside: `refuse` a box that leaves the image by more than rounding, or `clip` it.
        notes: facts that are reported once per data set are appended here.

    Raises:
        BoxMisfitError: boxes are of an image of another shape, or leave the image.
    """
    drawn_on = case.box_size or image
    if drawn_on != RELATIVE:
        _check_pixels(case, drawn_on, root)
    if any(len({*boxes}) < len(boxes) for boxes in case.boxes.values()) and not case.reader_boxes:
        notes.append(REPEATED)
    if case.boxes and drawn_on not in (RELATIVE, image):
        _check_shape(case, drawn_on, image, root)
        notes.append(SCALED)
    fitted, clipped = {}, False
    for cls, boxes in case.boxes.items():
        scaled = scale_boxes(boxes, drawn_on, native)
        places = case.box_places.get(cls, ())
        kept = []
        for number, box in enumerate(scaled):
            inside = _inside(box, native)
            if (
                inside is None
                or max(abs(a - b) for a, b in zip(box, inside, strict=True)) > ROUNDING
            ):
                if outside == "refuse" or inside is None:
                    place = places[number] if number < len(places) else f"box {number + 1}"
                    raise _outside(case, cls, boxes[number], place, drawn_on, root)
                clipped = True
            kept.append(inside)
        fitted[cls] = tuple(kept)
    if clipped:
        notes.append(CLIPPED)
    return fitted


def _check_pixels(case: Case, image: tuple[int, int], root: Path) -> None:
    """Refuse shares of the sides if pixels are expected: such boxes would lie within one pixel."""
    for cls, boxes in case.boxes.items():
        for box in boxes:
            if min(box) >= 0 and max(box) <= 1 < min(image):
                y0, x0, y1, x1 = box
                raise BoxMisfitError(
                    f"the box {x0:g} {y0:g} {x1:g} {y1:g} (x0 y0 x1 y1) of {cls!r} is smaller"
                    " than one pixel. Its numbers seem to be fractions of width and height",
                    file=root / case.image,
                    field=f"boxes of {case.case}",
                    remedy=f"Write pixels: multiply x by {image[1]} and y by {image[0]}",
                )


def differ_in_shape(drawn: tuple[int, ...], image: tuple[int, ...]) -> bool:
    """Check whether the aspect ratios of two sizes (height, width) differ too much."""
    # Cross-multiplied form of |(w/h of drawn) / (w/h of image) - 1| > tolerance.
    cross = drawn[1] * image[0], image[1] * drawn[0]
    return abs(cross[0] - cross[1]) > ASPECT_TOLERANCE * cross[1]


def _inside(box: FloatBox, size: tuple[int, int]) -> FloatBox | None:
    """Cut a box at the border of its image; None if nothing is left."""
    y0, x0, y1, x1 = box
    y0, x0 = max(y0, 0.0), max(x0, 0.0)
    y1, x1 = min(y1, float(size[0])), min(x1, float(size[1]))
    return (y0, x0, y1, x1) if y0 < y1 and x0 < x1 else None


def _check_shape(case: Case, drawn_on: tuple[int, int], image: tuple[int, int], root: Path) -> None:
    if differ_in_shape(drawn_on, image):
        raise BoxMisfitError(
            f"the boxes are for an image of {drawn_on[1]} x {drawn_on[0]} pixels, but the file"
            f" has {image[1]} x {image[0]}: the aspect ratios differ",
            file=root / case.image,
            field=f"boxes of {case.case}",
            remedy="Use the images that the boxes were drawn on, or copies resized without"
            " cropping or padding",
        )


def _outside(
    case: Case, cls: str, box: FloatBox, place: str, size: tuple[int, int], root: Path
) -> InputError:
    y0, x0, y1, x1 = box
    shown = f"{x0:g} {y0:g} {x1:g} {y1:g}"
    of = "a whole of 1 x 1" if size == RELATIVE else f"{size[1]} x {size[0]} pixels"
    return BoxMisfitError(
        f"{place}: the box {shown} (x0 y0 x1 y1) of {cls!r} extends beyond the image, which has"
        f" {of}",
        file=root / case.image,
        field="boxes_outside",
        remedy="Correct the row, or use images of the size that the boxes were drawn on. To cut"
        " the box, set boxes_outside: clip (a box completely outside is always an error)",
    )
