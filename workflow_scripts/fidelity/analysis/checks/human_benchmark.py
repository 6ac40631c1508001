"""How often other radiologists' most representative points hit the reference (CheXlocalize)."""

import json
import math
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.checks import HUMAN_BENCHMARK
from fidelity.analysis.localization import ALL_CLASSES, intervals_of
from fidelity.base.errors import InputError
from fidelity.datasets.cases import Case
from fidelity.datasets.images.images import read_bytes
from fidelity.datasets.mask_files.mask_entries import read_mask_at
from fidelity.datasets.mask_files.mask_values import MaskValues

Points = dict[str, dict[str, list[list[float]]]]


def read_points(path: Path) -> Points:
    """Read the points of the human benchmark.

    Args:
        path: JSON {image id: {class: [[x, y], …]}}, in pixels of the original image.

    Raises:
        InputError: the file cannot be read or has another layout.
    """
    try:
        content = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"the file of points is not JSON ({error})",
            file=path,
            remedy="Restore the file as it was downloaded",
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            "the content is not {image: {class: [[x, y], …]}}",
            file=path,
            remedy="Restore the file as it was downloaded",
        )
    for image, by_class in content.items():
        for cls, points in by_class.items() if isinstance(by_class, dict) else [("", None)]:
            if not (isinstance(points, list) and all(map(_is_point, points))):
                raise InputError(
                    "points are not a list of [x, y]",
                    file=path,
                    field=f"{image}/{cls}".rstrip("/"),
                    remedy="Restore the file as it was downloaded",
                )
    return content


def _is_point(point: object) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(x, Real) and math.isfinite(x) for x in point)
    )


def is_hit(reference: np.ndarray, points: Iterable[Iterable[float]], field: str) -> bool:
    """Check whether any point lies in the reference; coordinates are truncated, no tolerance.

    Args:
        reference: boolean (H, W).
        points: [x, y] in pixels.

    Returns:
        True if a point lies in the reference (rajpurkarlab/cheXlocalize, eval.py); False without
        points.

    Raises:
        InputError: a point lies outside the image.
    """
    hit = False
    for x, y in points:
        if not (0 <= x < reference.shape[1] and 0 <= y < reference.shape[0]):
            raise InputError(
                f"the point ({x}, {y}) is outside the image",
                field=field,
                remedy="Check that the points are pixels of the original image",
            )
        hit = hit or bool(reference[int(y), int(x)])
    return hit


def hit_rates(
    cases: Iterable[Case],
    root: Path,
    points: Points,
    dataset: str,
    statistics: Mapping[str, Any],
    mask_values: MaskValues | None = None,
) -> pd.DataFrame:
    """Average the hits over the images with a non-empty reference, as CheXlocalize does.

    An image with a reference but no point counts as a miss. Splits without any point are left out.

    Returns:
        One row per split and class, and for "all" classes together; intervals resample patients.

    Raises:
        InputError: a point lies outside its image, or no case has a point.
    """
    rows = []
    for case in cases:
        for cls, reference in case.masks.items():
            mask = read_mask_at(root, reference, cls, mask_values)
            if not mask.any():
                continue
            found = points.get(case.case, {}).get(cls, [])
            hit = is_hit(mask, found, f"{case.case}/{cls}")
            rows.append((case.split, cls, case.case, case.patient, bool(found), float(hit)))
    table = pd.DataFrame(rows, columns=["split", "class", "case", "patient", "marked", "hit"])
    table = table[table.groupby("split")["marked"].transform("any").astype(bool)]
    if table.empty:
        raise InputError(
            "the human benchmark has no point for any case with a reference mask",
            field="human_benchmark.points",
            remedy="Check that the file is of this data set",
        )
    result = []
    for split, of_split in table.groupby("split", sort=True):
        groups = {**dict(list(of_split.groupby("class", sort=True))), ALL_CLASSES: of_split}
        for cls, group in groups.items():
            (interval,) = intervals_of(group["hit"], group, statistics)
            counts = (len(group), group["patient"].nunique(), int((~group["marked"]).sum()))
            means = (interval.mean, interval.low, interval.high)
            result.append((dataset, split, cls, "hit_rate", *counts, *means))
    return HUMAN_BENCHMARK.frame(result)
