"""How far the predicted masks of different explainers agree with each other: agreement.csv."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from fidelity.errors import InputError
from fidelity.masks import Masks, decode
from fidelity.summary import ALL_CLASSES

AGREEMENT = [
    "dataset",
    "split",
    "classifier",
    "binarization",
    "class",
    "explainer_a",
    "explainer_b",
    "n",
    "mean_iou",
]


def agree(
    masks: Mapping[str, Masks], splits: Mapping[str, str], head: Mapping[str, Any]
) -> pd.DataFrame:
    """Average the IoU of every two explainers' masks of the same case and class.

    Args:
        masks: explainer → its masks, in the order of the config.
        splits: case → split.
        head: dataset, classifier and binarization of the rows.

    Returns:
        The table agreement.csv: one row per split, class and pair, over the cases and classes of
        which both have a mask (`n`); `mean_iou` is in [0, 1], two empty masks agreeing fully
        (IoU 1). Where several classes are annotated, class "all" pools them.

    Raises:
        InputError: masks of one case differ in size, or a case has no split.
    """
    sums: dict[tuple[str, str, str, str], float] = defaultdict(float)
    counts: dict[tuple[str, str, str, str], int] = defaultdict(int)
    # A class with masks of one explainer alone is still one of the classes.
    classes = sorted({cls for found in masks.values() for part in found.values() for cls in part})
    for case in sorted(set().union(*masks.values())):
        if case not in splits:
            raise InputError("the case has no split", field=case, remedy="Delete the masks")
        for cls in classes:
            for a, b, iou in _pairs(masks, case, cls):
                groups = (cls, ALL_CLASSES) if len(classes) > 1 else (cls,)
                for group in groups:
                    key = splits[case], group, a, b
                    sums[key] += iou
                    counts[key] += 1
    order = [*classes, ALL_CLASSES]
    rows = [
        {
            **head,
            "split": split,
            "class": cls,
            "explainer_a": a,
            "explainer_b": b,
            "n": counts[split, cls, a, b],
            "mean_iou": sums[split, cls, a, b] / counts[split, cls, a, b],
        }
        for split in sorted({key[0] for key in counts})
        for cls in order
        for a, b in combinations(masks, 2)
        if (split, cls, a, b) in counts
    ]
    return pd.DataFrame(rows, columns=AGREEMENT)


def _pairs(masks: Mapping[str, Masks], case: str, cls: str) -> Iterator[tuple[str, str, float]]:
    """Give the IoU of every two masks of a case and class, each mask decoded once."""
    packed: dict[str, np.ndarray] = {}
    areas: dict[str, int] = {}
    sizes = set()
    for name, found in masks.items():
        if (rle := found.get(case, {}).get(cls)) is None:
            continue
        mask = decode(rle)
        sizes.add(mask.shape)
        # A bit per pixel: intersections of all pairs at once would not fit in memory.
        packed[name], areas[name] = np.packbits(mask), int(np.count_nonzero(mask))
    if len(sizes) > 1:
        raise InputError(
            "the explainers' masks differ in size",
            field=f"{case}/{cls}",
            remedy="Make all masks anew with one scoring_size",
        )
    for a, b in combinations(packed, 2):
        intersection = int(np.bitwise_count(packed[a] & packed[b]).sum())
        union = areas[a] + areas[b] - intersection
        yield a, b, intersection / union if union else 1.0
