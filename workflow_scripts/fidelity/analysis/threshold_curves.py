"""Average the overlap at every threshold, with intervals, from the curves of single cases."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fidelity.analysis.columns.localization import THRESHOLD_CURVES
from fidelity.analysis.localization import keep_test_split, references, with_reference
from fidelity.statistics import bootstrap_means

METRICS = ("iou", "dice")


def mean_curves(curves: Mapping[str, pd.DataFrame], statistics: Mapping[str, Any]) -> pd.DataFrame:
    """Average curves over cases, with pointwise percentile intervals of the cluster bootstrap.

    Args:
        curves: explainer → its curves.parquet as a table. Only the test split (all splits if there
            is none) and cases with a non-empty reference are used.
        statistics: replicates, alpha, cluster, seed.

    Returns:
        One row of THRESHOLD_CURVES per explainer, class, metric and threshold; `n` counts cases.
    """
    cluster, alpha, parts = statistics["cluster"], statistics["alpha"], []
    for explainer, table in curves.items():
        chosen = keep_test_split(with_reference(table))
        chosen = chosen[~chosen["reference_empty"].astype(bool)]
        index = list(dict.fromkeys(["case", "class", cluster]))
        for metric in METRICS:
            wide = chosen.pivot(index=index, columns="threshold", values=metric)
            for cls, part in wide.groupby(level="class"):
                values = part.to_numpy(float)
                clusters = part.index.get_level_values(cluster)
                resampled = bootstrap_means(
                    values, clusters, statistics["replicates"], statistics["seed"]
                )
                low, high = np.nanquantile(resampled, [alpha / 2, 1 - alpha / 2], axis=0)
                numbers = {
                    "threshold": part.columns.to_numpy(float),
                    "n": len(part),
                    "mean": np.nanmean(values, axis=0),
                    "ci_low": low,
                    "ci_high": high,
                }
                keys = {"explainer": explainer, "class": cls, "metric": metric}
                keys["reference"] = references(chosen.loc[chosen["class"] == cls, "reference"])
                parts.append(pd.DataFrame(keys | numbers, columns=THRESHOLD_CURVES.names))
    return pd.concat(parts) if parts else THRESHOLD_CURVES.frame()
