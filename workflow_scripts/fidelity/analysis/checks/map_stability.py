"""Summarize how stable and how exact the maps are, as stored with them: stability.csv."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.checks import STABILITY, STABILITY_CASES, STABILITY_QUANTITIES
from fidelity.maps.saliency_map import MapRecord


def stability_cases(blocks: Iterable[tuple[str, str, Iterable[MapRecord]]]) -> pd.DataFrame:
    """List what the maps of (explainer, split, records) report of their own stability.

    Returns:
        One row per map, in the order of the blocks: explainer, case, split, class and one column
        per quantity. A quantity that a map does not report is NaN. Failed cases have no row.
    """
    rows = [
        [
            explainer,
            record.case,
            split,
            record.cls,
            *(_value(record, name) for name in STABILITY_QUANTITIES),
        ]
        for explainer, split, records in blocks
        for record in records
        if record.status == "ok"
    ]
    return STABILITY_CASES.frame(rows).astype(dict.fromkeys(STABILITY_QUANTITIES, float))


def summarize_stability(
    dataset: str, combos: Iterable[tuple[str, str]], tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Summarize the results of `stability_cases`, by classifier.

    Returns:
        The table stability.csv, with a row per split and quantity that at least one map reports. It
        has the number of such maps, and the mean, median, smallest and largest value. Explainers
        that report none of the quantities have no row.
    """
    rows: list[dict[str, Any]] = []
    for classifier, explainer in combos:
        table = tables[classifier]
        of_explainer = table[table["explainer"] == explainer]
        for split, part in of_explainer.groupby("split", sort=False):
            for quantity in STABILITY_QUANTITIES:
                values = part[quantity].to_numpy(float)
                values = values[np.isfinite(values)]
                if not len(values):
                    continue
                rows.append(
                    {
                        "dataset": dataset,
                        "split": split,
                        "classifier": classifier,
                        "explainer": explainer,
                        "quantity": quantity,
                        "n": len(values),
                        "mean": np.mean(values),
                        "median": np.median(values),
                        "min": np.min(values),
                        "max": np.max(values),
                    }
                )
    return STABILITY.frame(rows)


def _value(record: MapRecord, quantity: str) -> float | None:
    if quantity != "superpixels":
        return record.extras.get(quantity)
    of_superpixels = record.map is not None and record.map.kind == "superpixels"
    return len(record.map.values) if of_superpixels else None
