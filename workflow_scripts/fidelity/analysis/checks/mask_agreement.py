"""Measure how far the predicted masks of different explainers agree: agreement.csv."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.checks import AGREEMENT, AGREEMENT_CASES
from fidelity.analysis.localization import ALL_CLASSES
from fidelity.base.errors import InputError
from fidelity.masks.run_lengths import Masks, decode
from fidelity.metrics.overlap import agreement_of_areas


def pair_ious(
    masks: Mapping[str, Masks], splits: Mapping[str, str], own: Collection[str] | None = None
) -> pd.DataFrame:
    """Measure the IoU of every two explainers' masks of the same case and class.

    Args:
        masks: explainer → its masks, in the order of the config.
        own: use only pairs with one of these explainers; None uses all pairs.

    Returns:
        The table AGREEMENT_CASES, one row per pair, case and class where both have a mask; two
        empty masks agree fully (IoU 1).

    Raises:
        InputError: masks of one case differ in size, or a case has no split.
    """
    rows = []
    for case in sorted(set().union(*masks.values())):
        if case not in splits:
            raise InputError(
                "the prepared data do not contain this case",
                field=case,
                remedy="Delete the masks and run again",
            )
        classes = sorted(set().union(*(found.get(case, {}) for found in masks.values())))
        rows += [
            (case, splits[case], cls, a, b, iou)
            for cls in classes
            for a, b, iou in _pairs(masks, case, cls, own)
        ]
    return AGREEMENT_CASES.frame(rows)


def agree(
    pairs: pd.DataFrame,
    explainers: Sequence[str],
    classes: Sequence[str],
    head: Mapping[str, Any],
) -> pd.DataFrame:
    """Average the agreement of every two explainers over the cases.

    Args:
        explainers: in the order of the config; pairs with other explainers are left out.

    Returns:
        The table agreement.csv: one row per split, class and pair, over the cases and classes
        with a mask of both (`n`). Where several classes are annotated, class "all" pools them.
    """
    pooled = pairs.assign(**{"class": ALL_CLASSES}) if len(classes) > 1 else pairs.iloc[:0]
    means = (
        pd.concat([pairs, pooled])
        .groupby(["split", "class", "explainer_a", "explainer_b"])["iou"]
        .agg(["size", "mean"])
    )
    rows = [
        {
            **head,
            "split": split,
            "class": cls,
            "explainer_a": a,
            "explainer_b": b,
            "n": means.at[(split, cls, a, b), "size"],
            "mean_iou": means.at[(split, cls, a, b), "mean"],
        }
        for split in sorted(pairs["split"].unique())
        for cls in [*sorted(classes), ALL_CLASSES]
        for a, b in combinations(explainers, 2)
        if (split, cls, a, b) in means.index
    ]
    return AGREEMENT.frame(rows)


def _pairs(
    masks: Mapping[str, Masks], case: str, cls: str, own: Collection[str] | None
) -> Iterator[tuple[str, str, float]]:
    """Yield the IoU of every two masks of a case and class; each mask is decoded once."""
    packed: dict[str, np.ndarray] = {}
    areas: dict[str, int] = {}
    sizes = set()
    for name, found in masks.items():
        if (rle := found.get(case, {}).get(cls)) is None:
            continue
        mask = decode(rle)
        sizes.add(mask.shape)
        # One bit per pixel: byte masks of all explainers at once would not fit in memory.
        packed[name], areas[name] = np.packbits(mask), int(np.count_nonzero(mask))
    if len(sizes) > 1:
        raise InputError(
            "the explainers' masks differ in size",
            field=f"{case}/{cls}",
            remedy="Recompute all masks with the same scoring_size",
        )
    for a, b in combinations(packed, 2):
        if own is not None and a not in own and b not in own:
            continue
        both = int(np.bitwise_count(packed[a] & packed[b]).sum())
        yield a, b, agreement_of_areas(both, areas[a], areas[b])
