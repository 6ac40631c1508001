"""Measure whether networks that differ only in the training seed give the same maps."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.checks.case_means import case_means
from fidelity.analysis.columns.checks import (
    REPEATABILITY,
    REPEATABILITY_CASES,
    REPEATABILITY_QUANTITIES,
)
from fidelity.analysis.columns.shared import SIMILARITIES
from fidelity.analysis.localization import class_groups_of, split_class_parts
from fidelity.base.errors import InputError, at_case
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.case_maps import explained_cases, order_of_row, row_head
from fidelity.maps.saliency_map import MapRecord, Sign
from fidelity.masks.run_lengths import Masks, decode
from fidelity.metrics.map_similarity import similarities
from fidelity.metrics.overlap import agreement


def compare_seeds(
    maps: Sequence[Sequence[str | Path]],
    prepared: Sequence[str | Path],
    masks: Sequence[Masks],
    sign: Sign,
) -> pd.DataFrame:
    """Compare the maps and masks of one explainer between the training seeds of a classifier.

    Args:
        maps: the map files of each seed, one file per shard.
        masks: the binarized maps of each seed.

    Returns:
        One row per case and class, sorted: `n_seeds` with a map, and means over all pairs of seeds.
        There is one mean per similarity of the maps at the working image's size
        (`similarity.similarities`). The last mean is the IoU of the masks (1 if both are empty).
        Values are nan where fewer than two seeds have a map.
    """
    rows = []
    for shards in zip(prepared, *maps, strict=True):
        shard, *files = shards
        walks = [explained_cases([file], [shard]) for file in files]
        for found in zip(*walks, strict=True):
            with at_case(found[0][0].case):
                rows.append(_compare(found, masks, sign))
    rows.sort(key=order_of_row)
    return REPEATABILITY_CASES.typed(rows)


def _compare(
    found: Sequence[tuple[PreparedCase, MapRecord]], masks: Sequence[Masks], sign: Sign
) -> dict[str, Any]:
    case, first = found[0]
    names = {(record.case, record.cls) for _, record in found}
    if len(names) > 1:
        raise InputError(
            f"the training seeds have maps of different cases: {sorted(names)[0][0]!r} and"
            f" {sorted(names)[1][0]!r} are at the same position",
            remedy="Delete the map files of this explainer and run again",
        )
    maps = [record.map for _, record in found if record.map is not None]
    size = case.image.shape
    alike = [similarities(one, other, size, sign) for one, other in combinations(maps, 2)]
    means = {name: _mean([pair[name] for pair in alike]) for name in SIMILARITIES}
    drawn = [each.get(case.case, {}).get(first.cls) for each in masks]
    ious = [agreement(*pair) for pair in combinations(map(decode, filter(None, drawn)), 2)]
    return {
        **row_head(case, first.cls),
        "n_seeds": len(maps),
        **means,
        "mask_iou": _mean(ious),
    }


def _mean(values: Sequence[float]) -> float:
    """Average the defined values; nan if there are none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def summarize(
    parts: Sequence[tuple[Mapping[str, str], pd.DataFrame]], statistics: Mapping[str, Any]
) -> pd.DataFrame:
    """Average over cases.

    Args:
        parts: {dataset, classifier (its key before seeds were expanded), explainer, binarization}
            and the table of each, as `compare_seeds` returns it.

    Returns:
        The table repeatability.csv; `n_seeds` is the largest number of seeds of any case.
    """
    rows = []
    groups = class_groups_of(parts)
    for head, table in parts:
        for split, cls, part in split_class_parts(table, groups[head["dataset"]]):
            common = {**head, "split": split, "class": cls, "n_seeds": part["n_seeds"].max()}
            means = case_means(part, REPEATABILITY_QUANTITIES, statistics)
            rows += [{**common, "quantity": name, **numbers} for name, numbers in means.items()]
    return REPEATABILITY.frame(rows)
