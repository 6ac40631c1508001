"""Read the scores that a committed unit has packed, and compute intervals independently."""

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest

# Intervals use other random draws here, so they may differ by this share of their width.
DRAWS = 0.15


@cache
def packed(folder, table):
    """Read all tables that a unit packed into one: {path in the study: rows of test images}."""
    told = json.loads((folder / "unit.json").read_text())["tables"][table]
    rows = pd.concat([pd.read_parquet(folder / file) for file in told["files"]])
    rows = rows[rows["split"] == "test"]
    return {
        path: rows[rows["table"] == index].set_index("case").sort_index()
        for index, (path, _) in enumerate(told["tables"])
    }


def interval(found):
    """Compute the percentile bootstrap interval of a mean over images, one per patient."""
    found = found.dropna().to_numpy()
    if len(found) < 2:
        return np.array([np.nan, np.nan])
    draws = np.random.default_rng(7).integers(0, len(found), (2000, len(found)))
    return np.percentile(found[draws].mean(axis=1), [2.5, 97.5])


def close(low, high, found):
    """Return whether an interval equals the printed one, except for random draws."""
    expected = interval(found)
    slack = max(1e-9, DRAWS * (expected[1] - expected[0]))
    return [low, high] == pytest.approx(list(expected), abs=slack)
