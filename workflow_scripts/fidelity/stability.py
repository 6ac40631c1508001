"""How stable and how exact the maps are: the table stability.csv, from what maps carry."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.maps import MapRecord

# What explainers report of each map, in the order of the rows; superpixels are counted.
QUANTITIES = (
    "surrogate_r2",
    "stability_iou",
    "stability_rank",
    "coefficient_half_width",
    "samples",
    "superpixels",
)
KEYS = ["dataset", "split", "classifier", "explainer"]
STABILITY = [*KEYS, "quantity", "n", "mean", "median", "min", "max"]


def summarize_stability(
    blocks: Iterable[tuple[Mapping[str, str], Iterable[MapRecord]]],
) -> pd.DataFrame:
    """Summarize what maps say of their own stability.

    Args:
        blocks: (values of `KEYS`, records), several blocks of one key being put together.

    Returns:
        The table stability.csv, in the order of the blocks: per quantity that some map has, the
        number of maps that have it, their mean, median, smallest and largest value. Failed cases
        and explainers without any of the quantities have no row.
    """
    found: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for head, records in blocks:
        values = found.setdefault(tuple(head[key] for key in KEYS), {})
        for record in records:
            for quantity in QUANTITIES:
                value = _value(record, quantity)
                if record.status == "ok" and value is not None and np.isfinite(value):
                    values.setdefault(quantity, []).append(float(value))
    rows: list[dict[str, Any]] = [
        {
            **dict(zip(KEYS, key, strict=True)),
            "quantity": quantity,
            "n": len(values[quantity]),
            "mean": np.mean(values[quantity]),
            "median": np.median(values[quantity]),
            "min": np.min(values[quantity]),
            "max": np.max(values[quantity]),
        }
        for key, values in found.items()
        for quantity in QUANTITIES
        if quantity in values
    ]
    return pd.DataFrame(rows, columns=STABILITY)


def _value(record: MapRecord, quantity: str) -> float | None:
    if quantity != "superpixels":
        return record.extras.get(quantity)
    of_superpixels = record.map is not None and record.map.kind == "superpixels"
    return len(record.map.values) if of_superpixels else None
