"""Boxes that a majority of readers drew."""

from itertools import combinations

import numpy as np

from fidelity.datasets.annotations.drawn import Drawn

# Boxes of two readers that overlap at least so much are of one finding.
SAME = 0.25


def majority(drawn: list[Drawn], readers: int) -> list[Drawn]:
    """Join the boxes of one image and class that several readers drew.

    Boxes of two readers with an IoU of SAME or more are of one finding, and so are all that are
    connected in this way. A finding counts if more than half of the readers drew it; its box is the
    mean of its boxes' sides.

    Args:
        drawn: boxes of all readers.
        readers: how many saw the image.

    Returns:
        One box per finding, in the order of its first box.
    """
    group = list(range(len(drawn)))
    for a, b in combinations(range(len(drawn)), 2):
        if drawn[a].reader != drawn[b].reader and _iou(drawn[a], drawn[b]) >= SAME:
            group = [group[a] if name == group[b] else name for name in group]
    found = []
    for name in dict.fromkeys(group):
        members = [one for one, own in zip(drawn, group, strict=True) if own == name]
        if 2 * len({one.reader for one in members}) > readers:
            mean = np.mean([one.box for one in members], axis=0)
            found.append(Drawn(tuple(float(side) for side in mean), members[0].place))
    return found


def _iou(one: Drawn, other: Drawn) -> float:
    a, b = one.box, other.box
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(height, 0.0) * max(width, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)
