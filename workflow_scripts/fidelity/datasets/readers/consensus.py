"""Merge the masks or boxes of several readers into one mask or one set of boxes."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from fidelity.datasets.annotations.drawn import Drawn
from fidelity.datasets.readers.names import RULES
from fidelity.metrics.boxes.geometry import box_iou

# Boxes of two readers with at least this overlap (IoU) belong to one finding.
SAME = 0.25


def agreed_mask(masks: Mapping[str, np.ndarray], rule: str) -> np.ndarray | None:
    """Merge the masks of one image and class.

    Args:
        masks: reader → boolean (H, W), all of equal size. It includes all who read the image for
            the class; the mask is empty if they found nothing.
        rule: `union`, `intersection`, `majority` (pixels that more than half of the readers
            marked), `staple`, or the name of a reader.

    Returns:
        Boolean (H, W); None without readers, or if the named reader is not among them.
    """
    if rule not in RULES:
        return masks.get(rule)
    if not masks:
        return None
    stack = np.stack(list(masks.values()))
    if rule == "staple":
        return _staple(stack)
    return np.count_nonzero(stack, axis=0) >= _least(rule, len(stack))


def agreed_boxes(drawn: Sequence[Drawn], readers: Collection[str], rule: str) -> list[Drawn] | None:
    """Merge the boxes of one image and class by a rule of `agreed_mask`, except `staple`.

    Boxes of two readers with an IoU of SAME or more belong to one finding. Boxes that are connected
    through other boxes do too. A finding is kept if enough readers drew it; its box is the mean of
    its boxes' sides. Under `union`, every box is an instance.

    Returns:
        One box per finding, in the order of its first box; None as in `agreed_mask`.
    """
    if rule not in RULES:
        return [one for one in drawn if one.reader == rule] if rule in readers else None
    if not readers:
        return None
    if rule == "union":
        return list(drawn)
    return [
        Drawn(
            tuple(float(side) for side in np.mean([one.box for one in members], axis=0)),
            members[0].place,
        )
        for members in _findings(drawn)
        if len({one.reader for one in members}) >= _least(rule, len(readers))
    ]


def _least(rule: str, readers: int) -> int:
    """Return the number of readers that must agree."""
    return {"union": 1, "majority": readers // 2 + 1, "intersection": readers}[rule]


def _findings(drawn: Sequence[Drawn]) -> list[list[Drawn]]:
    """Group the boxes that belong to one finding, in the order of their first box."""
    # Imported here: few data sets have several readers.
    from scipy.sparse.csgraph import connected_components

    corners = np.array([one.box for one in drawn], float).reshape(-1, 4)
    readers = np.array([one.reader for one in drawn])
    linked = (box_iou(corners, corners) >= SAME) & (readers[:, None] != readers)
    count, group = connected_components(linked, directed=False)
    return [[drawn[i] for i in np.flatnonzero(group == number)] for number in range(count)]


def _staple(stack: np.ndarray) -> np.ndarray:
    """Estimate the true mask from several (Warfield et al. 2004, as SimpleITK does), at 0.5.

    If all readers agree, their mask is returned. There is nothing to estimate then. Without a
    marked pixel, or without an unmarked one, the readers' sensitivity or specificity is undefined.
    """
    if (stack == stack[0]).all():
        return stack[0]
    # Imported here: few data sets have several readers, and the import takes half a second.
    import SimpleITK as sitk  # noqa: N813 - its own name for itself

    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in stack]
    return sitk.GetArrayFromImage(sitk.STAPLE(images, 1.0)) >= 0.5
