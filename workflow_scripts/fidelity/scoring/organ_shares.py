"""Measure the shares of saliency maps in the left lung, right lung, heart and outside."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from fidelity.analysis.columns.organs import AREA, ORGAN_SHARES, REFERENCE, REGIONS
from fidelity.base.errors import at_case
from fidelity.datasets.annotations.chexmask import HEART
from fidelity.datasets.prepared import PreparedCase
from fidelity.maps.case_maps import order_of_row, row_head
from fidelity.maps.pixel_frames import (
    ScoringSize,
    in_frame,
    reference_in_frame,
    relevance_in_frame,
)
from fidelity.maps.saliency_map import MapRecord, Sign
from fidelity.masks.run_lengths import decode

LUNGS = ("left_lung", "right_lung")


def organ_shares(
    explained: Iterable[tuple[PreparedCase, MapRecord]], *, scoring_size: ScoringSize, sign: Sign
) -> pd.DataFrame:
    """Measure how each map and its reference are distributed over the organs.

    Returns:
        The table organ_shares.parquet, sorted by split, case and class, with the maps of cases that
        have masks of both lungs. The shares of a map use its positive relevance before scaling, and
        add up to 1. They are NaN if the map failed or is all zero; those of an empty reference are
        NaN too. Without a heart mask, heart and outside are NaN.
    """
    rows = []
    for case, record in explained:
        if record.cls not in case.references or not all(name in case.organs for name in LUNGS):
            continue
        with at_case(case.case):
            regions = regions_of(case, scoring_size)
            reference = reference_in_frame(case, record.cls, scoring_size)
            relevance = (
                np.zeros(reference.shape)
                if record.map is None
                else relevance_in_frame(record.map, case, scoring_size, sign)
            )
            of_map, of_reference = shares(relevance, regions), shares(reference, regions)
            of_image = shares(np.ones(reference.shape), regions)
        rows.append(
            {
                **row_head(case, record.cls),
                "status": record.status,
                **of_map,
                **{REFERENCE + name: share for name, share in of_reference.items()},
                **{AREA + name: share for name, share in of_image.items()},
            }
        )
    rows.sort(key=order_of_row)
    return ORGAN_SHARES.typed(rows)


def regions_of(case: PreparedCase, scoring_size: ScoringSize) -> dict[str, np.ndarray]:
    """Decode the organs of a case as disjoint regions.

    Args:
        case: a case with masks of both lungs.

    Returns:
        Boolean (H, W) per region. A pixel in both lung and heart counts as lung, so that the shares
        of both lungs and `outside_lung_share` add up to 1. Without a heart mask, heart and outside
        are absent.
    """
    masks = {name: in_frame(decode(case.organs[name]), case, scoring_size) for name in LUNGS}
    masks["right_lung"] = masks["right_lung"] & ~masks["left_lung"]
    if HEART in case.organs:
        lungs = masks["left_lung"] | masks["right_lung"]
        masks[HEART] = in_frame(decode(case.organs[HEART]), case, scoring_size) & ~lungs
        masks["outside"] = ~(lungs | masks[HEART])
    return masks


def shares(values: np.ndarray, regions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the share of the sum of values in each region.

    Args:
        values: (H, W), not negative.
        regions: boolean (H, W) each.

    Returns:
        A share from 0 to 1 per region of REGIONS; NaN if the sum is 0 or the region is absent.
    """
    total = values.sum(dtype=np.float64)
    return {
        name: float(values[regions[name]].sum(dtype=np.float64) / total)
        if name in regions and total > 0
        else math.nan
        for name in REGIONS
    }
