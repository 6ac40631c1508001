"""Means over cases with their intervals, as used in the tables of checks."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fidelity.analysis.columns.checks import ENDS
from fidelity.analysis.localization import intervals_of
from fidelity.base.files import read_parquet
from fidelity.statistics.resampling import Interval


def parts_of(job: Any) -> list[tuple[Mapping[str, str], pd.DataFrame]]:
    """Read the input of a job: one table for each combination in its param `combos`."""
    return list(zip(job.params.combos, map(read_parquet, job.input), strict=True))


def case_means(
    rows: pd.DataFrame, names: Sequence[str], statistics: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Return counts, mean with interval and median of some columns.

    Args:
        rows: one per map, with `case` and `patient`.

    Returns:
        Column → {n, n_patients, n_undefined, mean, ci_low, ci_high, median}.
    """
    intervals = intervals_of(rows[list(names)].to_numpy(dtype=float), rows, statistics)
    return {
        name: {
            "n": len(rows),
            "n_patients": rows["patient"].nunique(),
            "n_undefined": int(rows[name].isna().sum()),
            "mean": interval.mean,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "median": rows[name].median(),
        }
        for name, interval in zip(names, intervals, strict=True)
    }


def with_ends(name: str, interval: Interval) -> dict[str, float]:
    """Return the mean and its bounds as columns: `name` followed by each of ENDS."""
    values = interval.mean, interval.low, interval.high
    return {f"{name}{end}": value for end, value in zip(ENDS, values, strict=True)}
