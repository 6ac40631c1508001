"""Merge the masks or boxes of several readers into one mask or one set of boxes."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import numpy as np

from fidelity.datasets.annotations.drawn import Drawn
from fidelity.datasets.readers.names import RULES

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
    group = list(range(len(drawn)))
    for a, b in combinations(range(len(drawn)), 2):
        if drawn[a].reader != drawn[b].reader and _iou(drawn[a], drawn[b]) >= SAME:
            group = [group[a] if name == group[b] else name for name in group]
    return [
        [one for one, own in zip(drawn, group, strict=True) if own == name]
        for name in dict.fromkeys(group)
    ]


def _iou(one: Drawn, other: Drawn) -> float:
    a, b = one.box, other.box
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(height, 0.0) * max(width, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)


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
